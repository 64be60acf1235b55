"""What must not type-check. Each marked line, and no other, is an error."""

from agentkit import Agent, Limits, RunContext, deny, tool, wire


@tool
def greet(name: str) -> str:
    return name


class Deps:
    user = "ada"


agent = Agent("gemini-3-flash-preview", output=int, deps_type=Deps)

greet(7)  # wrong
greet(nam="Ada")  # wrong
tool(effects="delete")  # wrong
tool(timeout="5")  # wrong
Agent("gemini-3-flash-preview", instruction="Be brief.")  # wrong
Agent("gemini-3-flash-preview", errors="tell")  # wrong
Agent("gemini-3-flash-preview", output=int, output_mode="json")  # wrong
Agent("gemini-3-flash-preview", output=int, output_check=7)  # wrong
agent.run_sync("Hi.", deps="ada")  # wrong
text: str = agent.run_sync("Hi.").output  # wrong
agent.resume_sync(agent.run_sync("Hi."))  # wrong
agent.resume_sync(agent.run_sync("Hi.").state, decisions={"key": True})  # wrong
agent.resume_sync(agent.run_sync("Hi.").state, decisions={"key": deny("no")})
Limits(turns="many")  # wrong
Limits(turn=3)  # wrong
wire.Part(txt="a")  # wrong
wire.Part(text="a").text = "b"  # wrong
wire.Parts()  # wrong


def user(ctx: RunContext[Deps]) -> str:
    return ctx.deps.name  # wrong
