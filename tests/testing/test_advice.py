"""Advice on declarations: when each piece is given, and that good declarations get none."""

from typing import Any

import pytest

from agentkit.testing.advice import ADVICE, Advice, advise
from agentkit.testing.catalog import CATALOG
from agentkit.testing.rules import check_request
from tests.testing.requests_made import Json, ask
from tests.traffic import exchanges, needs_traffic


def function(name: str, description: str = "Does one thing well.", **parameters: Any) -> Json:
    schema = {"type": "object", "properties": parameters}
    return {"name": name, "description": description, "parametersJsonSchema": schema}


def advice_on(*functions: Json) -> list[Advice]:
    return advise(ask(tools=[{"functionDeclarations": list(functions)}]))


def codes_on(*functions: Json) -> list[str]:
    return [piece.code for piece in advice_on(*functions)]


def described(**keywords: Any) -> Json:
    return {"type": "string", "description": "A town.", **keywords}


GIVEN = [
    ("AK201", [function("find", id={"type": "string"})], "'find' does not describe its parameter 'id'"),
    ("AK202", [function("get_users", "Get the users.")], "says no more than the name: 'Get the users.'"),
    ("AK203", [function("find", "Finds it. " * 300)], "has 2,999 characters"),
    ("AK204", [function("get_user"), function("get_users", "Lists all.")], "'get_users' looks like 'get_user'"),
    ("AK205", [function("find", "Finds it."), function("seek", "Finds it.")], "'seek' is described exactly like"),
    ("AK207", [function("find", **{f"p{i}": described() for i in range(101)})], "has 102 nodes"),
    ("AK207", [function("find", town={"type": "string", "enum": [str(i) for i in range(101)]})], "lists 101 values"),
]


@pytest.mark.parametrize(("code", "functions", "said"), GIVEN, ids=[f"{code}-{said}" for code, _, said in GIVEN])
def test_what_could_be_better_is_told_once_with_its_values_and_a_fix(
    code: str, functions: list[Json], said: str
) -> None:
    [piece] = advice_on(*functions)

    assert piece.code == code
    assert said in piece.message
    assert piece.fix
    assert piece.severity == ADVICE[code].severity


def test_two_spellings_of_a_parameter_are_told_at_the_second_with_the_first_as_the_fix() -> None:
    [piece] = advice_on(function("find", order_id=described()), function("ship", "Sends it.", orderId=described()))

    assert (piece.code, piece.fix) == ("AK206", "Call it 'order_id' in both.")
    assert piece.path == "tools[0].function_declarations[1].parameters_json_schema.properties[orderId]"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param("get_user", "getUser", id="spelling"),
        pytest.param("user_get", "get_user", id="order-of-words"),
        pytest.param("list_orders", "list_order", id="plural"),
        pytest.param("find_customer", "find_custmer", id="one-letter"),
    ],
)
def test_names_look_alike(first: str, second: str) -> None:
    assert codes_on(function(first), function(second, "Does another thing.")) == ["AK204"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param("get_user", "set_user", id="short-words-that-mean-the-opposite"),
        pytest.param("import_file", "export_file", id="two-letters"),
        pytest.param("step_1", "step_2", id="numbers"),
        pytest.param("find_user", "find_order", id="other-words"),
        pytest.param("find_user", "find_user_address", id="one-word-more"),
    ],
)
def test_names_are_told_apart(first: str, second: str) -> None:
    assert codes_on(function(first), function(second, "Does another thing.")) == []


@pytest.mark.parametrize(
    "declared",
    [
        pytest.param(function("population", "People in a city.", city={"type": "string"}), id="named-in-text"),
        pytest.param(function("paint", colour={"type": "string", "enum": ["red"]}), id="values-are-listed"),
        pytest.param(function("paint", colour={"$ref": "#/$defs/Colour"}), id="described-where-it-is-defined"),
        pytest.param({"name": "now", "description": "The time."}, id="no-parameters"),
        pytest.param(
            {"name": "f", "description": "Old.", "parameters": {"type": "OBJECT", "properties": {"x": described()}}},
            id="the-older-dialect",
        ),
    ],
)
def test_a_good_declaration_gets_no_advice(declared: Json) -> None:
    assert advice_on(declared) == []


def test_a_schema_is_as_large_as_all_of_its_parts_together() -> None:
    fifty = {f"p{i}": described() for i in range(50)}
    order = {"type": "object", "properties": fifty}
    schema = {"type": "object", "properties": {"order": {"$ref": "#/$defs/Order"}}, "$defs": {"Order": order}}
    schema["properties"] |= {"note": {"anyOf": [{"type": "array", "items": order}, {"type": "null"}]}}

    [piece] = advice_on(
        {"name": "place", "description": "Places an order with a note.", "parametersJsonSchema": schema}
    )

    assert (piece.code, piece.path) == ("AK207", "tools[0].function_declarations[0].parameters_json_schema")
    assert "has 107 nodes" in piece.message


def test_a_body_may_be_written_in_any_spelling_that_the_service_takes() -> None:
    body = ask(tools={"function_declarations": {"name": "f", "description": "f"}})

    assert [piece.path for piece in advise(body)] == ["tools[0].function_declarations[0].description"]


@pytest.mark.parametrize("body", [None, [], {}, "x", ask(tools=["x"]), ask(tools=[{"functionDeclarations": [1]}])])
def test_what_is_no_request_gets_no_advice(body: object) -> None:
    assert advise(body) == []


@pytest.mark.parametrize("schema", [None, True, "x", [], {"properties": []}, {"properties": {"x": True}}])
def test_a_schema_of_any_shape_can_be_read(schema: object) -> None:
    declared = {"name": "f", "description": "Does x.", "parametersJsonSchema": schema}

    assert codes_on(declared) == []


def test_codes_stand_apart_from_those_of_the_rules_and_each_says_what_to_do() -> None:
    assert not ADVICE.keys() & CATALOG.keys()
    assert list(ADVICE) == [f"AK{number}" for number in range(200, 200 + len(ADVICE))]
    assert all(rule.title and rule.fix for rule in ADVICE.values())


def test_what_the_rules_tell_is_not_told_again() -> None:
    names = [function("google_search", "", größe=described(pattern="^a")), *(function(f"f{i}") for i in range(20))]
    body = ask(tools=[{"functionDeclarations": names}])

    told = {finding.mistake for finding in check_request(body, model="gemini-3.8-flash")}

    assert told == {"decl.many", "decl.builtin_name", "decl.undescribed", "schema.parameter_name", "schema.ignored"}
    assert {piece.code for piece in advise(body)} == {"AK205"}


def test_a_piece_of_advice_reads_as_one_line() -> None:
    [piece] = advice_on(function("find", "Find."))

    at = "tools[0].function_declarations[0].description"
    assert str(piece) == f"AK202 warning at {at}: {piece.message} {piece.fix}"


@needs_traffic
def test_every_recorded_request_can_be_advised_on() -> None:
    bodies = [exchange["request"]["body"] for exchange in exchanges() if (exchange["request"] or {}).get("body")]

    given = {piece.code for body in bodies for piece in advise(body)}

    assert given == {"AK201", "AK202", "AK203"}
