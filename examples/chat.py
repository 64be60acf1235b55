"""A conversation: each prompt knows what was said before."""

from agentkit import Agent


def population(city: str) -> int:
    """Number of people living in a city."""
    return {"Oslo": 717_710, "Rome": 2_754_719}[city]


agent = Agent("gemini-3-flash-preview", tools=[population])

if __name__ == "__main__":
    chat = agent.chat()
    print(chat.run_sync("What is the population of Oslo?").output)
    print(chat.run_sync("And what is the population of Rome?").output)
    print(f"{len(chat.contents)} contents in the history")
