"""Let the model think, and watch it think."""

from agentkit import Agent, TextDelta, ThoughtDelta

agent = Agent("gemini-3-flash-preview", thinking="low", include_thoughts=True)

if __name__ == "__main__":
    with agent.stream_sync("Which is larger, 9.11 or 9.9?") as run:
        for event in run:
            match event:
                case ThoughtDelta():
                    print("(thinks)", event.text)
                case TextDelta():
                    print(event.text, end="", flush=True)
    result = run.finished
    assert result is not None
    print(f"\n{result.usage.thought_tokens} tokens of thoughts: {result.thoughts!r}")
    print(Agent("gemini-3.8-flash", thinking="minimal").notes[0])  # what a model does not take is clamped
