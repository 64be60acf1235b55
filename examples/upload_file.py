"""Upload a file that is too large to be sent with a prompt, and ask about it. Google's own endpoint takes uploads.

Run it with a file of your own: python upload_file.py talk.mp4
"""

import sys

import anyio

from agentkit import Agent

agent = Agent("gemini-3-flash-preview", instructions="Answer in one sentence.")


def show(sent: int, total: int | None) -> None:
    print(f"{sent:,} of {total:,} bytes")


async def main(path: str) -> None:
    client = agent.client
    async with client:
        file = await client.files.upload(path, on_progress=show)  # in pieces, and waits until it may be used
        print(file.mime_type, file.state)
        for question in ("What is it about?", "Who is it for?"):
            result = await agent.run([question, file])
            print(result.output)
        await client.files.delete(file.name)  # else the service does, after two days


if __name__ == "__main__":
    anyio.run(main, sys.argv[1])
