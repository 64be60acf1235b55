"""Ask Google Maps about the places around you."""

from agentkit import Agent, GoogleMaps

here = GoogleMaps(latitude=59.9139, longitude=10.7522, language="en")
agent = Agent("gemini-3-flash-preview", tools=[here], instructions="Name at most three places.")

if __name__ == "__main__":
    result = agent.run_sync("Where can I have coffee near me?")
    print(result.output)
    for number, place in enumerate(result.citations, 1):
        print(f"{number}. {place.title} {place.url}")
