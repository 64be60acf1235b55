"""What a newcomer tries in the first hour: tutorial tools, plain prompts, and the calls that a person would expect."""

from collections.abc import Sequence

import pytest

from tests.testing.offline_talk import Json, ask, calls_in
from tests.testing.tutorial_tools import (
    BMI,
    BRIGHTNESS,
    CALC,
    CAPITAL,
    CLOCK,
    CONV,
    COUNTW,
    CUSTOMER,
    DELETE_TODO,
    DIM,
    FORECAST,
    HOME,
    LIGHT,
    LIST_FILES,
    LOAN,
    MAIL,
    MATH,
    OFFICE,
    PLACE,
    POP,
    PRIME,
    QUERY,
    RANDOM,
    READ,
    REVERSE,
    ROLL,
    SEARCH,
    SHOP,
    SMART_LIGHT,
    STOCK,
    SUBS,
    SUN,
    TABLE,
    TODO,
    TRANSFER,
    TRANSLATE,
    TRAVEL,
    USER,
    WEATHER,
    WRITE,
)

TODAY = {"parts": [{"text": "Today is 2026-11-22."}]}  # a Sunday


Row = tuple[str, Sequence[Json], Sequence[tuple[str, Json]]]
ROWS: list[Row] = [
    ("What's the weather in Paris?", [WEATHER], [("get_weather", {"city": "Paris"})]),
    (
        "What is the weather like in San Francisco, in fahrenheit?",
        [WEATHER, STOCK],
        [("get_weather", {"city": "San Francisco", "unit": "fahrenheit"})],
    ),
    ("weather oslo", [WEATHER], [("get_weather", {"city": "oslo"})]),
    ("Oslo weather", [WEATHER], [("get_weather", {"city": "Oslo"})]),
    ("Do I need an umbrella in London?", [WEATHER, STOCK], [("get_weather", {"city": "London"})]),
    ("Is it raining in Bergen right now?", [WEATHER, STOCK], [("get_weather", {"city": "Bergen"})]),
    ("How warm is it in Madrid?", TRAVEL, [("get_weather", {"city": "Madrid"})]),
    (
        "Compare the weather in Oslo, Rome and Paris",
        [WEATHER],
        [("get_weather", {"city": c}) for c in ("Oslo", "Rome", "Paris")],
    ),
    ("Give me the 5 day forecast for Lisbon", [WEATHER, FORECAST], [("get_forecast", {"city": "Lisbon", "days": 5})]),
    ("Forecast for Berlin for the next 3 days", [WEATHER, FORECAST], [("get_forecast", {"city": "Berlin", "days": 3})]),
    ("What is the stock price of AAPL?", [WEATHER, STOCK], [("get_stock_price", {"ticker": "AAPL"})]),
    ("How is TSLA doing?", [STOCK], [("get_stock_price", {"ticker": "TSLA"})]),
    (
        "Price of GOOG and MSFT",
        [STOCK],
        [("get_stock_price", {"ticker": "GOOG"}), ("get_stock_price", {"ticker": "MSFT"})],
    ),
    (
        "What's the weather in Tokyo and the price of NVDA?",
        [WEATHER, STOCK],
        [("get_weather", {"city": "Tokyo"}), ("get_stock_price", {"ticker": "NVDA"})],
    ),
    ("Add milk to my todo list", TODO, [("add_todo", {"title": "milk"})]),
    ("Add 'buy milk' to my list with high priority", TODO, [("add_todo", {"title": "buy milk", "priority": "high"})]),
    ("Add a todo: call the dentist", TODO, [("add_todo", {"title": "call the dentist"})]),
    ("Show my todos", TODO, [("list_todos", {})]),
    ("What's on my todo list?", TODO, [("list_todos", {})]),
    ("Mark todo 3 as done", TODO, [("complete_todo", {"id": 3})]),
    ("Complete item 5", TODO, [("complete_todo", {"id": 5})]),
    ("What is 12 + 30?", MATH, [("add", {"a": 12, "b": 30})]),
    ("What is 6 times 7?", MATH, [("multiply", {"a": 6, "b": 7})]),
    ("Subtract 5 from 20", MATH, [("subtract", {"a": 20, "b": 5})]),
    ("Divide 100 by 8", MATH, [("divide", {"a": 100, "b": 8})]),
    ("What is (2 + 3) * 4?", [CALC], [("calculator", {"expression": "(2 + 3) * 4"})]),
    ("sqrt(16) + 2^3", [CALC], [("calculator", {"expression": "sqrt(16) + 2 ** 3"})]),
    ("12 choose 5", [CALC], [("calculator", {"expression": "factorial(12) / (factorial(5) * factorial(12 - 5))"})]),
    ("What is 15% of 80?", [CALC, WEATHER], [("calculator", {"expression": "15% of 80"})]),
    (
        "Send an email to bob@example.com with subject 'Lunch' and body 'See you at noon'",
        OFFICE,
        [("send_email", {"to": "bob@example.com", "subject": "Lunch", "body": "See you at noon"})],
    ),
    (
        "Email ann@example.com about the meeting saying I am late",
        OFFICE,
        [("send_email", {"to": "ann@example.com", "subject": "meeting", "body": "I am late"})],
    ),
    (
        "Create an event 'Team sync' on 2026-12-01 at 10:00",
        OFFICE,
        [("create_event", {"title": "Team sync", "date": "2026-12-01", "time": "10:00"})],
    ),
    (
        "Schedule a meeting called Planning tomorrow at 3pm",
        OFFICE,
        [("create_event", {"title": "Planning", "date": "2026-11-23", "time": "15:00"})],
    ),
    ("What events do I have next Friday?", OFFICE, [("list_events", {"date": "2026-11-27"})]),
    ("What is on my calendar today?", OFFICE, [("list_events", {"date": "2026-11-22"})]),
    ("Remind me to water the plants", OFFICE, [("create_reminder", {"text": "water the plants"})]),
    ("Remind me to pay rent on December 1", OFFICE, [("create_reminder", {"text": "pay rent", "date": "2026-12-01"})]),
    (
        "Convert 10 miles to kilometers",
        [CONV],
        [("convert_units", {"value": 10, "from_unit": "miles", "to_unit": "kilometers"})],
    ),
    ("How many pounds is 5 kg?", [CONV], [("convert_units", {"value": 5, "from_unit": "kg", "to_unit": "pounds"})]),
    (
        "Convert 100 fahrenheit to celsius",
        [CONV],
        [("convert_units", {"value": 100, "from_unit": "fahrenheit", "to_unit": "celsius"})],
    ),
    (
        "Convert 50 EUR to USD",
        TRAVEL,
        [("convert_currency", {"amount": 50, "from_currency": "EUR", "to_currency": "USD"})],
    ),
    (
        "How many yen are 20 dollars?",
        TRAVEL,
        [("convert_currency", {"amount": 20, "from_currency": "USD", "to_currency": "JPY"})],
    ),
    ("Run the query 'SELECT * FROM users'", [QUERY], [("run_query", {"sql": "SELECT * FROM users"})]),
    (
        "Run SELECT count(*) FROM orders WHERE total > 100",
        [QUERY],
        [("run_query", {"sql": "SELECT count(*) FROM orders WHERE total > 100"})],
    ),
    ("Find all customers in Berlin", [CUSTOMER, QUERY], [("find_customers", {"city": "Berlin"})]),
    ("Find the first 10 customers", [CUSTOMER], [("find_customers", {"limit": 10})]),
    ("Turn on the light in the kitchen", [LIGHT], [("set_light", {"room": "kitchen", "on": True})]),
    ("Turn off the bedroom light", [LIGHT], [("set_light", {"room": "bedroom", "on": False})]),
    ("Switch the living room light on", [LIGHT], [("set_light", {"room": "living room", "on": True})]),
    ("Dim the kitchen light to 30%", [SMART_LIGHT, DIM], [("dim_light", {"room": "kitchen", "brightness": 30})]),
    (
        "Turn off the lights in the bedroom and the kitchen",
        HOME,
        [
            ("control_light", {"room": "bedroom", "state": "off"}),
            ("control_light", {"room": "kitchen", "state": "off"}),
        ],
    ),
    (
        "Make the living room light blue and turn it on",
        HOME,
        [("control_light", {"room": "living room", "state": "on", "color": "blue"})],
    ),
    ("Set the bedroom to 21 degrees", HOME, [("set_temperature", {"room": "bedroom", "degrees": 21})]),
    ("Set a timer for 10 minutes", HOME, [("set_timer", {"minutes": 10})]),
    ("Play Bohemian Rhapsody by Queen", HOME, [("play_song", {"title": "Bohemian Rhapsody", "artist": "Queen"})]),
    (
        "Find flights from Oslo to London on 2026-12-20",
        TRAVEL,
        [("search_flights", {"origin": "Oslo", "destination": "London", "date": "2026-12-20"})],
    ),
    (
        "Find flights from Berlin to Rome on December 5, 2026 for 2 passengers",
        TRAVEL,
        [("search_flights", {"origin": "Berlin", "destination": "Rome", "date": "2026-12-05", "passengers": 2})],
    ),
    (
        "Flights to Paris from New York tomorrow",
        TRAVEL,
        [("search_flights", {"origin": "New York", "destination": "Paris", "date": "2026-11-23"})],
    ),
    (
        "Book a hotel in Rome from 2026-12-01 to 2026-12-05 for 2 guests",
        TRAVEL,
        [("book_hotel", {"city": "Rome", "check_in": "2026-12-01", "check_out": "2026-12-05", "guests": 2})],
    ),
    (
        "Book a table for two at Luigi's tomorrow at 7pm",
        [TABLE],
        [("book_table", {"restaurant": "Luigi's", "people": 2, "date": "2026-11-23", "time": "19:00"})],
    ),
    ("How far is Oslo from Bergen?", TRAVEL, [("distance", {"origin": "Bergen", "destination": "Oslo"})]),
    ("How many people live in Tokyo?", [POP, WEATHER], [("population", {"city": "Tokyo"})]),
    (
        "What is the population of Oslo and the weather in Rome?",
        [POP, WEATHER],
        [("population", {"city": "Oslo"}), ("get_weather", {"city": "Rome"})],
    ),
    ("What is the capital of France?", [CAPITAL, POP], [("get_capital", {"country": "France"})]),
    (
        "Translate 'good morning' to French",
        [TRANSLATE],
        [("translate", {"text": "good morning", "target_language": "French"})],
    ),
    ("How do you say hello in Spanish?", [TRANSLATE], [("translate", {"text": "hello", "target_language": "Spanish"})]),
    ("Read the file notes.txt", [READ, WRITE, LIST_FILES], [("read_file", {"path": "notes.txt"})]),
    ("Write 'hello' to out.txt", [READ, WRITE, LIST_FILES], [("write_file", {"path": "out.txt", "content": "hello"})]),
    ("List the files", [READ, WRITE, LIST_FILES], [("list_files", {})]),
    ("Search the web for python tutorials", [SEARCH, WEATHER], [("web_search", {"query": "python tutorials"})]),
    ("Find 3 results about llamas on the web", [SEARCH], [("web_search", {"query": "llamas", "max_results": 3})]),
    ("Roll two dice", [ROLL], [("roll_dice", {"count": 2})]),
    ("Roll a dice with 20 sides", [ROLL], [("roll_dice", {"sides": 20})]),
    ("What time is it?", [CLOCK], [("current_time", {})]),
    ("Search for laptops under $1000", SHOP, [("search_products", {"query": "laptops", "max_price": 1000})]),
    ("Where is my order 12345?", SHOP, [("get_order_status", {"order_id": "12345"})]),
    ("What's the status of order #A-17?", SHOP, [("get_order_status", {"order_id": "A-17"})]),
    (
        "Cancel order 42 because it is too late",
        SHOP,
        [("cancel_order", {"order_id": "42", "reason": "it is too late"})],
    ),
    ("Transfer $50 to Alice", [TRANSFER], [("transfer_money", {"to": "Alice", "amount": 50, "currency": "USD"})]),
    ("Send Bob 20 euros", [TRANSFER], [("transfer_money", {"to": "Bob", "amount": 20, "currency": "EUR"})]),
    (
        "Order 2 pizzas and 3 colas to Springfield",
        [PLACE],
        [
            (
                "place_order",
                {
                    "items": [{"name": "pizzas", "quantity": 2}, {"name": "colas", "quantity": 3}],
                    "address": {"city": "Springfield"},
                },
            )
        ],
    ),
    ("When is sunset in Oslo tomorrow?", [SUN, WEATHER], [("sunset", {"city": "Oslo", "date": "2026-11-23"})]),
    ("Pick a random number between 1 and 10", [RANDOM], [("random_number", {"low": 1, "high": 10})]),
    ("What is my BMI if I weigh 70 kg and am 1.75 m tall?", [BMI], [("bmi", {"weight_kg": 70, "height_m": 1.75})]),
    (
        "Monthly payment for a loan of 200000 at 4.5% over 30 years",
        [LOAN],
        [("loan_payment", {"principal": 200000, "rate_percent": 4.5, "years": 30})],
    ),
    ("Is 97 a prime number?", [PRIME], [("is_prime", {"number": 97})]),
    ("Reverse the word 'hello'", [REVERSE, COUNTW], [("reverse", {"text": "hello"})]),
    (
        "How many words are in 'the quick brown fox'?",
        [REVERSE, COUNTW],
        [("count_words", {"text": "the quick brown fox"})],
    ),
    ("Get user 42", [USER], [("get_user", {"user_id": 42})]),
    ("Who is user 7?", [USER], [("get_user", {"user_id": 7})]),
    (
        "Subscribe ada@example.com to the weekly newsletter",
        [SUBS],
        [("subscribe", {"email": "ada@example.com", "weekly": True})],
    ),
    ("Tell me a joke", [WEATHER, STOCK], []),
    ("Who are you?", [WEATHER], []),
    ("What can you do?", [WEATHER], []),
    ("Will it rain in Amsterdam?", [WEATHER, STOCK], [("get_weather", {"city": "Amsterdam"})]),
    ("Should I wear a jacket in Chicago today?", [WEATHER, STOCK], [("get_weather", {"city": "Chicago"})]),
    (
        "Temperature in New Delhi in celsius please",
        [WEATHER],
        [("get_weather", {"city": "New Delhi", "unit": "celsius"})],
    ),
    (
        "Which is warmer, Cairo or Athens?",
        [WEATHER],
        [("get_weather", {"city": "Cairo"}), ("get_weather", {"city": "Athens"})],
    ),
    (
        "what's the weather in new york and los angeles",
        [WEATHER],
        [("get_weather", {"city": "new york"}), ("get_weather", {"city": "los angeles"})],
    ),
    (
        "Give me the weather forecast for Madrid for 7 days",
        [FORECAST],
        [("get_forecast", {"city": "Madrid", "days": 7})],
    ),
    ("Get the stock price for Apple (AAPL)", [STOCK], [("get_stock_price", {"ticker": "AAPL"})]),
    ("How much is one share of MSFT?", [STOCK], [("get_stock_price", {"ticker": "MSFT"})]),
    ("Put eggs on my todo list", TODO, [("add_todo", {"title": "eggs"})]),
    (
        "Add a task to clean the garage by Friday",
        TODO,
        [("add_todo", {"title": "clean the garage", "due": "2026-11-27"})],
    ),
    ("Delete todo 4", [*TODO, DELETE_TODO], [("delete_todo", {"id": 4})]),
    ("Which todos are done?", TODO, [("list_todos", {"done": True})]),
    ("I finished item 2", TODO, [("complete_todo", {"id": 2})]),
    ("7 * 8", MATH, [("multiply", {"a": 7, "b": 8})]),
    ("What's 100 minus 58?", MATH, [("subtract", {"a": 100, "b": 58})]),
    ("Multiply 3 by 4 and then add 5", MATH, [("multiply", {"a": 3, "b": 4})]),
    ("what is 2 to the power of 10", [CALC], [("calculator", {"expression": "2 ** 10"})]),
    ("Calculate 3.5 * (2 - 0.5)", [CALC, WEATHER], [("calculator", {"expression": "3.5 * (2 - 0.5)"})]),
    (
        "Send a mail to tom@example.com: the report is ready",
        [MAIL],
        [("send_email", {"to": "tom@example.com", "body": "the report is ready"})],
    ),
    (
        "Write an email to jane@example.com with the subject Invoice saying please pay",
        OFFICE,
        [("send_email", {"to": "jane@example.com", "subject": "Invoice", "body": "please pay"})],
    ),
    (
        "Create a calendar event Lunch on 2026-12-03 at 12:30 with bob@example.com",
        OFFICE,
        [("create_event", {"title": "Lunch", "date": "2026-12-03", "time": "12:30", "attendees": ["bob@example.com"]})],
    ),
    ("Show my events for 2026-12-24", OFFICE, [("list_events", {"date": "2026-12-24"})]),
    ("Do I have anything on Monday?", OFFICE, []),
    ("Remind me tomorrow to buy flowers", OFFICE, [("create_reminder", {"text": "buy flowers", "date": "2026-11-23"})]),
    ("Convert 5 km to miles", [CONV], [("convert_units", {"value": 5, "from_unit": "km", "to_unit": "miles"})]),
    (
        "What is 72 degrees fahrenheit in celsius?",
        [CONV],
        [("convert_units", {"value": 72, "from_unit": "degrees fahrenheit", "to_unit": "celsius"})],
    ),
    (
        "How many feet are in 3 meters?",
        [CONV],
        [("convert_units", {"value": 3, "from_unit": "meters", "to_unit": "feet"})],
    ),
    (
        "Exchange 200 GBP for EUR",
        TRAVEL,
        [("convert_currency", {"amount": 200, "from_currency": "GBP", "to_currency": "EUR"})],
    ),
    ("How many customers live in Hamburg?", [CUSTOMER, QUERY], [("find_customers", {"city": "Hamburg"})]),
    ("Switch off the light in the hallway", [LIGHT], [("set_light", {"room": "hallway", "on": False})]),
    (
        "Set the brightness of the kitchen light to 40",
        [SMART_LIGHT, BRIGHTNESS],
        [("set_brightness", {"room": "kitchen", "level": 40})],
    ),
    ("turn the office light off", HOME, [("control_light", {"room": "office", "state": "off"})]),
    (
        "Set the temperature in the bedroom to 19.5 degrees",
        HOME,
        [("set_temperature", {"room": "bedroom", "degrees": 19.5})],
    ),
    ("Start a 5 minute timer", HOME, [("set_timer", {"minutes": 5})]),
    ("Play 'Yesterday' by The Beatles", HOME, [("play_song", {"title": "Yesterday", "artist": "The Beatles"})]),
    (
        "I need a flight from Madrid to Lisbon on 12 January 2027",
        TRAVEL,
        [("search_flights", {"origin": "Madrid", "destination": "Lisbon", "date": "2027-01-12"})],
    ),
    (
        "Book me a hotel in Vienna for 3 guests, check in 2026-12-10, check out 2026-12-12",
        TRAVEL,
        [("book_hotel", {"city": "Vienna", "check_in": "2026-12-10", "check_out": "2026-12-12", "guests": 3})],
    ),
    (
        "Reserve a table for 4 people at Chez Nous on 2026-12-05 at 8pm",
        [TABLE],
        [("book_table", {"restaurant": "Chez Nous", "people": 4, "date": "2026-12-05", "time": "20:00"})],
    ),
    ("Book a hotel in Paris", TRAVEL, []),
    ("Book a flight to Rome", TRAVEL, []),
    (
        "What's the capital of Italy and of Spain?",
        [CAPITAL],
        [("get_capital", {"country": "Italy"}), ("get_capital", {"country": "Spain"})],
    ),
    (
        "Translate 'I love you' into German and Italian",
        [TRANSLATE],
        [
            ("translate", {"text": "I love you", "target_language": "German"}),
            ("translate", {"text": "I love you", "target_language": "Italian"}),
        ],
    ),
    ("Open the file data/report.csv", [READ, WRITE, LIST_FILES], [("read_file", {"path": "data/report.csv"})]),
    ("What files are in /tmp/data?", [READ, WRITE, LIST_FILES], [("list_files", {"folder": "/tmp/data"})]),
    ("Search for the best pizza in Naples", [SEARCH], [("web_search", {"query": "best pizza in Naples"})]),
    (
        "Look up electronics under 200 euros",
        SHOP,
        [("search_products", {"query": "electronics", "max_price": 200, "category": "electronics"})],
    ),
    ("Track order 998", SHOP, [("get_order_status", {"order_id": "998"})]),
    ("Cancel my order A-22", SHOP, [("cancel_order", {"order_id": "A-22"})]),
    ("Send 30 dollars to Carol", [TRANSFER], [("transfer_money", {"to": "Carol", "amount": 30, "currency": "USD"})]),
    ("Is 91 prime?", [PRIME], [("is_prime", {"number": 91})]),
    ("How far is it from Paris to Lyon?", TRAVEL, [("distance", {"origin": "Paris", "destination": "Lyon"})]),
    ("Generate a random number from 5 to 50", [RANDOM], [("random_number", {"low": 5, "high": 50})]),
    ("Find the user with id 12", [USER], [("get_user", {"user_id": 12})]),
    ("What is the meaning of life?", [WEATHER, CALC], []),
    ("Write a poem about Oslo", [WEATHER, POP], []),
    ("hello", [WEATHER], []),
    ("Weather?", [WEATHER], []),
    ("Send an email", OFFICE, []),
    ("Turn on the lights", [LIGHT], []),
    ("Convert 100 USD", TRAVEL, []),
]
NOT_YET = {
    "How is TSLA doing?",
    "Make the living room light blue and turn it on",
    "Set the bedroom to 21 degrees",
    "Should I wear a jacket in Chicago today?",
    "I finished item 2",
}
"""Prompts that a person would serve and the rules do not: there they say so, and call nothing."""


def calls_for(row: Row) -> list[tuple[str, Json]]:
    prompt, functions, _ = row
    return calls_in(ask(prompt, functions, systemInstruction=TODAY))


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_a_prompt_gets_the_expected_calls_or_none(row: Row) -> None:
    assert calls_for(row) == ([] if row[0] in NOT_YET else list(row[2]))


def test_nineteen_of_twenty_prompts_are_served() -> None:
    """A guard for what works: the rules were made with these prompts at hand, so others fare worse than this rate."""
    served = [row for row in ROWS if calls_for(row) == list(row[2])]

    print(f"{len(served)} of {len(ROWS)} prompts are served: {len(served) / len(ROWS):.1%}")
    assert len(served) / len(ROWS) >= 0.95
