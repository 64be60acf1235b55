"""Ask about an image, by its path or its address. `Pdf`, `Audio`, `Video` and `File` work alike.

Run it with a picture of your own: python image_input.py photo.jpg
"""

import sys

from agentkit import Agent, Image

agent = Agent("gemini-3-flash-preview", instructions="Answer in one sentence.")

if __name__ == "__main__":
    source = sys.argv[1]
    # An address is fetched by the service itself; `await Image.fetch(url)` downloads it here.
    image = Image.from_url(source) if source.startswith("https:") else Image.from_path(source)
    print(image.mime_type)
    result = agent.run_sync(["What is in this picture?", image])
    print(result.output)
