"""A long chat stays affordable: old turns go out as a summary, while the history keeps every word."""

from agentkit import Agent, Compaction, PrefixGuard

guard = PrefixGuard()  # reports when the beginning of requests changes, which the service must then read anew
agent = Agent(
    "gemini-3-flash-preview",
    instructions="You are a patient teacher.",
    middleware=[Compaction(at_tokens=500, keep_turns=2, how="summarise"), guard],  # so few tokens only to show it
)

QUESTIONS = ["What is a fjord?", "How deep are they?", "Who lives there?", "And how old are they?"]

if __name__ == "__main__":
    chat = agent.chat()
    for question in QUESTIONS:
        result = chat.run_sync(question)
        print(f"{question} {result.output[:40]}... ({result.usage.requests} requests)")
    print(f"{len(chat.contents)} contents in the history")
    for report in guard.reports:
        print(report)
