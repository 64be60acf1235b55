"""Let a tool return an image that the model looks at. Other media, and lists and dicts with media, work as well."""

import sys
from pathlib import Path

from agentkit import Agent, Image, ToolError, tool

FOLDER = Path(sys.argv[1] if len(sys.argv) > 1 else ".")


@tool(effects="read")
def pictures() -> list[str]:
    """List the pictures."""
    return sorted(path.name for path in FOLDER.glob("*.png"))


@tool(effects="read")
def look(name: str) -> Image:
    """Look at a picture.

    Args:
        name: Of the file, for example "cat.png".
    """
    if name not in pictures():
        raise ToolError(f"No picture {name!r}. Ask for one that exists.")
    return Image.from_path(FOLDER / name)


agent = Agent("gemini-3-flash-preview", tools=[pictures, look])

if __name__ == "__main__":
    result = agent.run_sync("Which of the pictures shows a cat?")
    for seen in result.tool_media:  # older models get it in a content of its own: seen.place tells
        print(seen.tool, seen.media.display_name, "in the", seen.place)
    print(result.output)
