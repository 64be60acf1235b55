"""Draw an image, and change it in the next turn. In a notebook, `result.output` shows it."""

from agentkit import Agent, Image

agent = Agent("gemini-3-pro-image", output=Image, aspect_ratio="16:9", image_size="2K")

if __name__ == "__main__":
    chat = agent.chat()
    first = chat.run_sync("Draw the harbour of Oslo in autumn.").output
    print("saved as", first.save(f"harbour{first.suffix}"))  # the model chooses: PNG or JPEG

    second = chat.run_sync("The same at night, and tell what you changed.")
    for piece in second.interleaved:  # texts and images in their order
        print(piece if isinstance(piece, str) else piece.mime_type)
    print("saved as", second.output.save(f"night{second.output.suffix}"))
