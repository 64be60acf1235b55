"""Ground an answer in Google Search, and show its sources."""

from agentkit import Agent, GoogleSearch

agent = Agent("gemini-3-flash-preview", tools=[GoogleSearch()])

if __name__ == "__main__":
    result = agent.run_sync("Who won the football European Championship in 2024?")
    print(result.cited())  # the text with [1] marks, and the list of sources
    for citation in result.citations:
        print(f"{citation.title}: {citation.text!r}")
