"""Put many prompts through one agent, so many at once. One that fails does not stop the others."""

from agentkit import Agent, Progress

POPULATION = {"Oslo": 717_710, "Rome": 2_754_719, "Kyiv": 2_952_301}


def population(city: str) -> int:
    """Number of people living in a city."""
    return POPULATION[city]


def show(progress: Progress[str]) -> None:
    """Tell how far it is."""
    print(f"{progress.done} of {progress.total} done, {progress.failed} failed, {progress.usage.total_tokens} tokens")


agent = Agent("gemini-3-flash-preview", tools=[population])

if __name__ == "__main__":
    oslo, rome, kyiv = (f"What is the population of {city}?" for city in POPULATION)
    outcomes = agent.run_many_sync([oslo, rome, "", kyiv], limit=2, on_progress=show)  # "" is refused
    for outcome in outcomes:  # in the order of the prompts
        print(outcome.error or outcome.output)
