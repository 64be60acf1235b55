"""Let Gemini speak: one voice, or a dialogue with a voice for each speaker. The sound is saved as WAV."""

from agentkit import Agent, Audio, Speech

MODEL = "gemini-3.8-flash-tts"

narrator = Agent(MODEL, output=Audio, speech=Speech("Kore", language="en-US"))
if __name__ == "__main__":
    spoken = narrator.run_sync("Say cheerfully: Welcome to Oslo!").output
    print(spoken.mime_type, "saved as", spoken.save("welcome.wav"))

    dialogue = Agent(MODEL, output=Audio, speech=Speech(speakers={"Joe": "Kore", "Jane": "Puck"}))
    spoken = dialogue.run_sync("Joe: Is it cold there? Jane: Only in winter.").output
    print(spoken.mime_type, "saved as", spoken.save("dialogue.wav"))
