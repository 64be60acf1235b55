"""Google Search beside a function, also where the model or the endpoint cannot combine them."""

from datetime import date

from agentkit import Agent, GoogleSearch, ToolStarted


def days_since(day: date) -> int:
    """Count the days from a day to the first day of 2026.

    Args:
        day: The day, as in 2025-12-31.
    """
    return (date(2026, 1, 1) - day).days


# Gemini 3 on Google's endpoint takes both in one request. Here the search becomes a function, search_web(query), that
# asks by itself; combine="together" would refuse instead.
agent = Agent("gemini-2.5-flash-lite", tools=[days_since, GoogleSearch()], combine="auto")

if __name__ == "__main__":
    with agent.stream_sync("How many days before 2026 was the final of the Euro 2024?") as run:
        for event in run:
            if isinstance(event, ToolStarted):
                print(f"-> {event.tool}({dict(event.args)})")
        result = run.result()
    print(result.cited())  # the sources of the side request are listed, too
    print(f"searched for {result.searches}; {result.usage.requests} requests, {result.usage.turns} turns")
