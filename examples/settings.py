"""Say how to generate: settings by name, safety by words, the choice of tools, and fields not known yet."""

from agentkit import Agent


def weather(city: str) -> str:
    """Current weather in a city."""
    return f"{city}: 4 degrees, rain"


agent = Agent(
    "gemini-3-flash-preview",
    tools=[weather],
    tool_choice=["weather"],  # must be called in the first turn
    seed=7,
    max_output_tokens=500,
    stop_sequences=["THE END"],
    safety={"harassment": "high"},
    labels={"team": "forecast"},
    extra={"generationConfig": {"topK": 40}},  # merged into the request as it stands
)

if __name__ == "__main__":
    print(agent.run_sync("Weather in Oslo?").output)
