"""Ask Vertex AI: a function gives OAuth tokens, and is asked again when one runs out."""

import os
import subprocess

from agentkit import Agent, GeminiClient


def access_token() -> str:
    """A token of the person who is logged in; a service would return that of google-auth's credentials."""
    if token := os.environ.get("VERTEX_TOKEN"):
        return token
    return subprocess.check_output(["gcloud", "auth", "print-access-token"], text=True)


def stock(item: str) -> int:
    """How many pieces of an item are in stock."""
    return {"lamp": 4, "chair": 12}.get(item, 0)


client = GeminiClient.vertex(
    project=os.environ.get("GOOGLE_CLOUD_PROJECT", "my-project"), location="europe-west4", token=access_token
)
agent = Agent("gemini-3-flash-preview", tools=[stock], client=client)

if __name__ == "__main__":
    print(client)
    print(agent.run_sync('What is the stock of "lamp"?').output)
