"""Ask one question. The key comes from COMETAPI_KEY, or GEMINI_API_KEY for Google's endpoint."""

from agentkit import Agent

agent = Agent("gemini-3-flash-preview", instructions="Answer in one sentence.")

if __name__ == "__main__":
    result = agent.run_sync("What is a function call, for a language model?")
    print(result.output)
    print(f"{result.usage.total_tokens} tokens")
