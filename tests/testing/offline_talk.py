"""Talks with the offline stand-in: declared functions, what they return, and a conversation to its end."""

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

from agentkit import ToolError
from agentkit.testing.offline import answer
from agentkit_tools import basics

Json = dict[str, Any]
DATE = {"type": "string", "format": "date"}


def declare(function: str, description: str = "", /, *, optional: Sequence[str] = (), **parameters: Any) -> Json:
    """Declare a function; a parameter is a type name or a schema."""
    properties = {name: {"type": one} if isinstance(one, str) else one for name, one in parameters.items()}
    schema = {
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name not in optional],
    }
    return {"name": function, "description": description, "parametersJsonSchema": schema}


CALCULATE = declare("calculate", "Evaluate an arithmetic expression exactly.", expression="string")
DIFFERENCE = declare("date_difference", "Count the days from one date to another.", start=DATE, end=DATE)
NOW = declare("current_time", "Tell the present date and time in a time zone.", optional=["zone"], zone="string")
ADD_TO_DATE = declare(
    "add_to_date", "Find the date a time after a given date.", optional=["days"], start=DATE, days="integer"
)
BASICS = [CALCULATE, NOW, DIFFERENCE, ADD_TO_DATE]
UNITS = {"type": "string", "enum": ["C", "F"]}
WEATHER = declare("weather", "Current weather of a town.", optional=["units"], city="string", units=UNITS)
POPULATION = declare("population", "How many people live in a city.", city="string")
REFUND = declare("refund", "Refund an order.", order="string", amount="number")
BOOKS = declare("search_books", "Find books by title.", title="string")
CONVERT = declare("convert", "Convert money.", amount="number", from_currency="string", to_currency="string")
MAIL = declare("send_email", "Send an email.", to="string", body="string")
GET_ORDER = declare("get_order", "Look up an order.", order_id="string")
CAPITAL = declare("capital", "Capital of a country.", country="string")
SHOP = [WEATHER, POPULATION, REFUND, BOOKS, CONVERT, MAIL, GET_ORDER, CAPITAL]


def ask(prompt: str, functions: Sequence[Json], **more: Any) -> list[Json]:
    request = {"contents": [{"role": "user", "parts": [{"text": prompt}]}], **more}
    return answer({**request, "tools": [{"functionDeclarations": list(functions)}]} if functions else request)


def calls_in(parts: Sequence[Json]) -> list[tuple[str, Json]]:
    return [(part["functionCall"]["name"], part["functionCall"]["args"]) for part in parts if "functionCall" in part]


class Talk:
    """A conversation with the stand-in: answers its calls until it speaks."""

    def __init__(self, functions: Sequence[Json], respond: Callable[[str, Json], Json], **more: Any) -> None:
        self.functions, self.respond, self.more = list(functions), respond, more
        self.contents: list[Json] = []
        self.rounds: list[list[tuple[str, Json]]] = []

    def say(self, prompt: str, *, turns: int = 8) -> str:
        self.contents.append({"role": "user", "parts": [{"text": prompt}]})
        for _ in range(turns):
            tools = [{"functionDeclarations": self.functions}]
            parts = answer({"contents": self.contents, "tools": tools, **self.more})
            self.contents.append({"role": "model", "parts": parts})
            calls = calls_in(parts)
            if not calls:
                return parts[0]["text"]
            self.rounds.append(calls)
            responses = [{"functionResponse": {"name": n, "response": self.respond(n, a)}} for n, a in calls]
            self.contents.append({"role": "user", "parts": responses})
        raise AssertionError(f"no answer within {turns} turns: {self.rounds}")


def run_basics(name: str, args: Json) -> Json:
    typed = {key: date.fromisoformat(value) if key in ("start", "end") else value for key, value in args.items()}
    try:
        return dict(getattr(basics, name)(**typed))
    except ToolError as refusal:
        return {"error": str(refusal)}


def run_shop(name: str, args: Json) -> Json:
    people = {"Oslo": 709037, "Rome": 2748109}
    match name:
        case "weather":
            return {"temperature": {"Oslo": 4, "Rome": 15}[args["city"]], "condition": "rain"}
        case "population":
            known = args["city"] in people
            return {"output": people[args["city"]]} if known else {"error": "No such city. Ask for a city that exists."}
        case "get_order":
            return {"id": 7, "status": "paid", "total": 20.5}
        case "capital":
            return {"output": "Oslo"}
        case "add":
            return {"output": args["a"] + args["b"]}
        case _:
            return {"output": "done"}


def mode(name: str, *allowed: str) -> Json:
    config: Json = {"mode": name}
    return {"functionCallingConfig": {**config, "allowedFunctionNames": list(allowed)} if allowed else config}


def structured(schema: Json, key: str = "responseJsonSchema", mime_type: str = "application/json") -> Json:
    return {"responseMimeType": mime_type, key: schema}
