"""Say what tokens cost at your endpoint, see what a run has cost, and set a limit in USD."""

from agentkit import Agent, GeminiClient, Limits, Price

# USD per million tokens. For Google's own endpoint the prices are known; gateways have lists of their own.
client = GeminiClient(prices={"gemini-3.6-flash": Price(input="0.75", cached="0.075", output="3.75")})


def population(city: str) -> int:
    """Number of people living in a city."""
    return {"Oslo": 717_710, "Rome": 2_754_719}[city]


agent = Agent("gemini-3.6-flash", tools=[population], client=client, limits=Limits(cost_usd="0.05"))

if __name__ == "__main__":
    result = agent.run_sync("How many people live in Oslo?")
    print(result.output)
    print(f"{result.usage.total_tokens} tokens of {result.model_version} for ${result.usage.cost:.6f}")
    print("stopped at the limit" if result.stop == "limit" else "within the limit")
