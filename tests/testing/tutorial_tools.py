"""The tools of every tutorial: weather, stocks, todos, mail, calendar, units, lights, travel, files, a shop."""

from tests.testing.offline_talk import DATE, Json, declare


def choice(*words: str) -> Json:
    return {"type": "string", "enum": list(words)}


def listof(member: str | Json) -> Json:
    return {"type": "array", "items": {"type": member} if isinstance(member, str) else member}


WEATHER = declare(
    "get_weather", "Current weather in a city.", optional=["unit"], city="string", unit=choice("celsius", "fahrenheit")
)
FORECAST = declare("get_forecast", "Weather forecast for a city.", optional=["days"], city="string", days="integer")
STOCK = declare(
    "get_stock_price",
    "Latest price of a stock by its ticker symbol.",
    ticker={"type": "string", "description": "Ticker symbol, for example AAPL."},
)
ADD_TODO = declare(
    "add_todo",
    "Add an item to the todo list.",
    optional=["priority", "due"],
    title="string",
    priority=choice("low", "medium", "high"),
    due=DATE,
)
LIST_TODO = declare("list_todos", "List the items of the todo list.", optional=["done"], done="boolean")
DONE_TODO = declare("complete_todo", "Mark a todo item as done.", id="integer")
TODO = [ADD_TODO, LIST_TODO, DONE_TODO]
MATH = [
    declare("add", "Add two numbers.", a="number", b="number"),
    declare("subtract", "Subtract b from a.", a="number", b="number"),
    declare("multiply", "Multiply two numbers.", a="number", b="number"),
    declare("divide", "Divide a by b.", a="number", b="number"),
]
CALC = declare("calculator", "Evaluate an arithmetic expression.", expression="string")
EMAIL = declare(
    "send_email", "Send an email.", optional=["cc"], to="string", subject="string", body="string", cc=listof("string")
)
EVENT = declare(
    "create_event",
    "Create a calendar event.",
    optional=["attendees", "duration_minutes"],
    title="string",
    date=DATE,
    time="string",
    attendees=listof("string"),
    duration_minutes="integer",
)
EVENTS = declare("list_events", "List the calendar events of a day.", date=DATE)
CONV = declare("convert_units", "Convert a value between units.", value="number", from_unit="string", to_unit="string")
CUR = declare(
    "convert_currency", "Convert an amount of money.", amount="number", from_currency="string", to_currency="string"
)
QUERY = declare("run_query", "Run a SQL query on the database.", sql="string")
CUSTOMER = declare(
    "find_customers", "Search customers in the database.", optional=["city", "limit"], city="string", limit="integer"
)
LIGHT = declare(
    "set_light",
    "Switch a light on or off.",
    optional=["brightness"],
    room="string",
    on="boolean",
    brightness={"type": "integer", "minimum": 0, "maximum": 100},
)
SMART_LIGHT = declare(
    "control_light",
    "Control a smart light.",
    optional=["color"],
    room="string",
    state=choice("on", "off"),
    color="string",
)
THERMO = declare("set_temperature", "Set the thermostat.", room="string", degrees="number")
FLIGHT = declare(
    "search_flights",
    "Search flights.",
    optional=["passengers"],
    origin="string",
    destination="string",
    date=DATE,
    passengers="integer",
)
HOTEL = declare(
    "book_hotel",
    "Book a hotel room.",
    optional=["guests"],
    city="string",
    check_in=DATE,
    check_out=DATE,
    guests="integer",
)
TABLE = declare(
    "book_table", "Book a table in a restaurant.", restaurant="string", people="integer", date=DATE, time="string"
)
POP = declare("population", "Number of people living in a city.", city="string")
CAPITAL = declare("get_capital", "Capital of a country.", country="string")
TRANSLATE = declare("translate", "Translate text into another language.", text="string", target_language="string")
READ = declare("read_file", "Read a file.", path="string")
WRITE = declare("write_file", "Write text to a file.", path="string", content="string")
LIST_FILES = declare("list_files", "List the files in a folder.", optional=["folder"], folder="string")
SEARCH = declare("web_search", "Search the web.", optional=["max_results"], query="string", max_results="integer")
MUSIC = declare("play_song", "Play a song.", optional=["artist"], title="string", artist="string")
TIMER = declare("set_timer", "Set a timer.", minutes="integer")
REMIND = declare("create_reminder", "Create a reminder.", optional=["date"], text="string", date=DATE)
ROLL = declare("roll_dice", "Roll dice.", optional=["sides", "count"], sides="integer", count="integer")
CLOCK = declare("current_time", "Tell the present date and time in a time zone.", optional=["zone"], zone="string")
PRODUCT = declare(
    "search_products",
    "Search products in the shop.",
    optional=["max_price", "category"],
    query="string",
    max_price="number",
    category=choice("books", "electronics", "clothing"),
)
ORDER = declare("get_order_status", "Status of an order.", order_id="string")
CANCEL = declare("cancel_order", "Cancel an order.", optional=["reason"], order_id="string", reason="string")
TRANSFER = declare(
    "transfer_money",
    "Transfer money to a person.",
    optional=["currency"],
    to="string",
    amount="number",
    currency="string",
)
PLACE = declare(
    "place_order",
    "Order food.",
    items=listof(
        {
            "type": "object",
            "properties": {"name": {"type": "string"}, "quantity": {"type": "integer"}},
            "required": ["name", "quantity"],
        }
    ),
    address={
        "type": "object",
        "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
        "required": ["city"],
    },
)
SUN = declare("sunset", "Time of sunset.", city="string", date=DATE)
DIST = declare("distance", "Distance between two cities in kilometers.", origin="string", destination="string")
RANDOM = declare("random_number", "Random number between two bounds.", low="integer", high="integer")
BMI = declare("bmi", "Body mass index.", weight_kg="number", height_m="number")
LOAN = declare("loan_payment", "Monthly payment of a loan.", principal="number", rate_percent="number", years="integer")
PRIME = declare("is_prime", "Whether a number is prime.", number="integer")
REVERSE = declare("reverse", "Reverse a text.", text="string")
COUNTW = declare("count_words", "Count the words of a text.", text="string")
USER = declare("get_user", "Look up a user.", user_id="integer")
SUBS = declare(
    "subscribe",
    "Subscribe to a newsletter.",
    optional=["weekly"],
    email={"type": "string", "format": "email"},
    weekly="boolean",
)
MAIL = declare("send_email", "Send an email.", to="string", body="string")
DELETE_TODO = declare("delete_todo", "Delete an item.", id="integer")
DIM = declare("dim_light", "Dim a light.", room="string", brightness="integer")
BRIGHTNESS = declare("set_brightness", "Set the brightness of a light.", room="string", level="integer")
HOME = [SMART_LIGHT, THERMO, MUSIC, TIMER]
OFFICE = [EMAIL, EVENT, EVENTS, *TODO, REMIND]
TRAVEL = [WEATHER, FLIGHT, HOTEL, CUR, DIST]
SHOP = [PRODUCT, ORDER, CANCEL]
