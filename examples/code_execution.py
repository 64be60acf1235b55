"""Let Gemini write and run Python at the service."""

from agentkit import Agent, CodeExecution

agent = Agent("gemini-3-flash-preview", tools=[CodeExecution()])

if __name__ == "__main__":
    result = agent.run_sync("What is the sum of the first 50 primes? Compute it.")
    for code in result.code:
        print(code.source)
        print(f"{code.outcome}: {code.output}")
        for number, image in enumerate(code.images):
            print("plot saved as", image.save(f"plot{number}{image.suffix}"))
    print(result.output)
