"""Run every benchmark and print its figures: `python -m tests.bench [name ...]`."""

import sys

from tests.bench import import_cost, long_conversation, many_runs, stream_reading, tool_calls

BENCHMARKS = {
    "import": import_cost.measure,
    "many": many_runs.measure,
    "conversation": long_conversation.measure,
    "stream": stream_reading.measure,
    "tools": tool_calls.measure,
}

for name, measure in BENCHMARKS.items():
    if len(sys.argv) == 1 or name in sys.argv[1:]:
        print(f"{name}: {measure()}")
