"""Typed functions are tools. Their docstrings and hints are what the model sees."""

from typing import Literal

from agentkit import Agent, ToolError, tool

TEMPERATURES = {"Oslo": 4.0, "Rome": 17.5}


@tool(effects="read", timeout_s=10)
def weather(city: str, units: Literal["C", "F"] = "C") -> dict[str, object]:
    """Current temperature in a city.

    Args:
        city: The city's name in English.
        units: Celsius or Fahrenheit.
    """
    if city not in TEMPERATURES:
        raise ToolError(f"No weather for {city!r}. Known cities: {', '.join(TEMPERATURES)}.")  # read by the model
    celsius = TEMPERATURES[city]
    return {"city": city, "temperature": celsius if units == "C" else celsius * 9 / 5 + 32, "units": units}


def population(city: str) -> int:
    """Number of people living in a city."""
    return {"Oslo": 717_710, "Rome": 2_754_719}[city]


agent = Agent("gemini-3-flash-preview", tools=[weather, population])

if __name__ == "__main__":
    print(weather("Oslo"))  # still a plain function
    print(weather.declaration)  # exactly what is sent
    print(agent.run_sync("What is the weather in Oslo and in Rome?").output)
