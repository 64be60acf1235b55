"""Show the sources of an answer as text, Markdown and HTML."""

from pathlib import Path

from agentkit import Agent, GoogleSearch

agent = Agent("gemini-3-flash-preview", tools=[GoogleSearch()])

if __name__ == "__main__":
    result = agent.run_sync("Who won the football European Championship in 2024?")
    for citation in result.citations:  # spans count characters of result.text
        print(f"{citation.start}-{citation.end}: {citation.title} {citation.url}")
    print(result.cited())
    print(result.cited("markdown"))
    # Titles and addresses are escaped. Google wants its search suggestions shown beside the answer.
    Path("answer.html").write_text(result.cited("html") + "\n" + result.search_entry, encoding="utf-8")
