"""A docstring of any of the four styles says what a function and its parameters mean."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit._docstrings import read_docstring

GOOGLE = """Find a town.

    Looks in the list of towns,
    then in the map.

    Args:
        name (str): Its name, for example
            "Oslo": the town.
        country: Two letters.
        *others: More names.
        **options: Filters.

    Returns:
        dict: The town found.

    Raises:
        ValueError: No such town.
    """
NUMPY = """Find a town.

    Looks in the list of towns,
    then in the map.

    Parameters
    ----------
    name : str
        Its name, for example
        "Oslo": the town.
    country : str, optional
        Two letters.
    *others : str
        More names.
    **options : int
        Filters.

    Returns
    -------
    dict
        The town found.
    """
SPHINX = """Find a town.

    Looks in the list of towns,
    then in the map.

    :param str name: Its name, for example
        "Oslo": the town.
    :param country: Two letters.
    :type country: str
    :param \\*others: More names.
    :param options: Filters.
    :returns: The town found.
    :rtype: dict
    """
EPYDOC = """Find a town.

    Looks in the list of towns,
    then in the map.

    @param name: Its name, for example
        "Oslo": the town.
    @type name: str
    @param country: Two letters.
    @param others: More names.
    @param options: Filters.
    @return: The town found.
    """

STYLES = pytest.mark.parametrize(
    "text",
    [
        pytest.param(GOOGLE, id="google"),
        pytest.param(NUMPY, id="numpy"),
        pytest.param(SPHINX, id="sphinx"),
        pytest.param(EPYDOC, id="epydoc"),
    ],
)


@STYLES
def test_the_description_is_the_text_before_the_sections(text: str) -> None:
    assert read_docstring(text).description == "Find a town.\n\nLooks in the list of towns,\nthen in the map."


@STYLES
def test_each_parameter_has_one_line_under_its_bare_name(text: str) -> None:
    assert read_docstring(text).parameters == {
        "name": 'Its name, for example "Oslo": the town.',
        "country": "Two letters.",
        "others": "More names.",
        "options": "Filters.",
    }


@STYLES
def test_what_comes_back_is_told_without_its_type(text: str) -> None:
    assert read_docstring(text).returns == "The town found."


@pytest.mark.parametrize(
    ("text", "description", "parameters"),
    [
        pytest.param(None, "", {}, id="no docstring"),
        pytest.param("  \n ", "", {}, id="blank docstring"),
        pytest.param("One line.", "One line.", {}, id="one line"),
        pytest.param("Ratio: a to b.", "Ratio: a to b.", {}, id="a colon does not make a section"),
        pytest.param("One.\nTwo.", "One.\nTwo.", {}, id="a second line stays near"),
        pytest.param("Args:\n    a: The a.\n", "", {"a": "The a."}, id="google sections without a summary"),
        pytest.param(":param a: The a.", "", {"a": "The a."}, id="sphinx fields without a summary"),
        pytest.param("@param a: The a.", "", {"a": "The a."}, id="epydoc fields without a summary"),
        pytest.param(
            "Parameters\n----------\na : int\n    The a.\n", "", {"a": "The a."}, id="numpy without a summary"
        ),
        pytest.param(
            "S.\n\nParameters\n----------\na, b : int\n    Both.\n", "S.", {"a": "Both.", "b": "Both."}, id="two names"
        ),
        pytest.param("Look.\n\nExample:\n    look(1)\n", "Look.", {}, id="examples are not told"),
        pytest.param(": :", ": :", {}, id="a field without a name"),
    ],
)
def test_unusual_docstrings(text: str | None, description: str, parameters: dict[str, str]) -> None:
    found = read_docstring(text)

    assert (found.description, found.parameters) == (description, parameters)


@given(st.text(alphabet=" \n:@-*abArgseturnpm.()[],\\", max_size=120))
def test_no_text_makes_reading_fail(text: str) -> None:
    assert isinstance(read_docstring(text).description, str)
