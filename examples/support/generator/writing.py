"""Tasks of form: a numbered list of n entries, a small Python function."""

from __future__ import annotations

from generator.shape import Draft, Source, finite

_LIST = (
    "Write a numbered list of {n} {things}. Give only the list.",
    "Give me a numbered list of {n} {things}.",
    "List {n} {things} as a numbered list.",
)
_COUNTS = {"three": 3, "four": 4}
_LISTABLE = (
    "fruits", "animals", "colors", "countries", "vegetables", "cities", "flowers", "trees", "rivers", "planets",
    "farm animals", "European countries", "Asian countries", "African countries", "South American countries",
    "US states", "capital cities", "European cities", "American cities", "jobs", "school subjects",
    "rooms in a house", "clothes", "metals", "body parts", "continents", "insects", "toys", "pets", "shapes",
    "emotions", "hobbies", "months", "oceans", "lakes", "mountains", "islands", "tropical fruits",
    "green vegetables", "warm countries", "cold countries", "big cities",
)  # fmt: skip
_CODE = (
    "Write a Python function named {name} that {does}. Reply with only the code.",
    "Write a short Python function {name} that {does}.",
    "In Python, define a function called {name} that {does}. Only code, no explanation.",
    "I need a Python function called {name}. It {does}.",
)
_FUNCTIONS: tuple[tuple[str, str, int], ...] = (
    ("add", "returns the sum of two numbers", 2),
    ("subtract", "returns the difference of two numbers", 2),
    ("multiply", "returns the product of two numbers", 2),
    ("divide", "returns the quotient of two numbers", 2),
    ("power", "returns the first number to the power of the second", 2),
    ("is_even", "returns whether a number is even", 1),
    ("is_odd", "returns whether a number is odd", 1),
    ("is_positive", "returns whether a number is greater than zero", 1),
    ("square", "returns the square of a number", 1),
    ("cube", "returns the cube of a number", 1),
    ("double", "returns twice a number", 1),
    ("half", "returns half of a number", 1),
    ("negate", "returns a number with the opposite sign", 1),
    ("increment", "returns a number plus one", 1),
    ("first", "returns the first element of a list", 1),
    ("last", "returns the last element of a list", 1),
    ("length", "returns the length of a list", 1),
    ("total", "returns the sum of a list of numbers", 1),
    ("largest", "returns the largest number of a list", 1),
    ("smallest", "returns the smallest number of a list", 1),
    ("average", "returns the mean of a list of numbers", 1),
    ("reverse_text", "returns a string backwards", 1),
    ("shout", "returns a string in capital letters", 1),
    ("whisper", "returns a string in lower case", 1),
    ("greet", "takes a name and returns a greeting", 1),
    ("join_words", "joins a list of words with spaces", 1),
    ("starts_with_a", "returns whether a string starts with the letter a", 1),
    ("count_vowels", "counts the vowels of a string", 1),
    ("count_words", "counts the words of a string", 1),
    ("is_palindrome", "returns whether a string reads the same backwards", 1),
    ("factorial", "returns the factorial of a number", 1),
    ("fibonacci", "returns the n-th Fibonacci number", 1),
    ("celsius_to_fahrenheit", "converts a temperature from Celsius to Fahrenheit", 1),
    ("area_of_circle", "returns the area of a circle of a given radius", 1),
    ("area_of_rectangle", "returns the area of a rectangle from its width and height", 2),
    ("maximum", "returns the larger of two numbers", 2),
    ("minimum", "returns the smaller of two numbers", 2),
    ("is_equal", "returns whether two values are equal", 2),
    ("repeat_text", "repeats a string a given number of times", 2),
    ("contains", "returns whether a list contains a value", 2),
    ("remove_duplicates", "returns a list without repeated values", 1),
    ("sort_numbers", "returns a list of numbers in ascending order", 1),
    ("only_even", "returns the even numbers of a list", 1),
    ("squares", "returns the squares of a list of numbers", 1),
    ("is_leap_year", "returns whether a year is a leap year", 1),
    ("minutes_to_seconds", "converts minutes to seconds", 1),
    ("last_digit", "returns the last digit of a number", 1),
    ("absolute", "returns the absolute value of a number", 1),
    ("triple", "returns three times a number", 1),
    ("is_negative", "returns whether a number is less than zero", 1),
    ("is_empty", "returns whether a list is empty", 1),
    ("hours_to_minutes", "converts hours to minutes", 1),
    ("km_to_miles", "converts kilometers to miles", 1),
    ("modulo", "returns the remainder of a division", 2),
    ("append_item", "takes a list and an item and returns the list with the item at the end", 2),
    ("perimeter", "returns the perimeter of a rectangle from its width and height", 2),
)
# More of them, apart: one function more among the first would deal all of them out anew.
_LATER_FUNCTIONS: tuple[tuple[str, str, int], ...] = (
    ("second", "returns the second element of a list", 1),
    ("first_letter", "returns the first letter of a string", 1),
    ("ends_with_s", "returns whether a string ends with the letter s", 1),
    ("is_divisible", "returns whether the first number is divisible by the second", 2),
    ("concatenate", "joins two strings", 2),
    ("count_value", "returns how often a value stands in a list", 2),
    ("days_to_hours", "converts days to hours", 1),
    ("fahrenheit_to_celsius", "converts a temperature from Fahrenheit to Celsius", 1),
    ("area_of_square", "returns the area of a square from the length of its side", 1),
    ("area_of_triangle", "returns the area of a triangle from its base and height", 2),
)


def list_format() -> Source:
    """Every category, length and phrasing."""
    return finite(
        [
            Draft(phrasing.format(n=word, things=things), {"n": count, "style": "numbered"})
            for phrasing in _LIST
            for word, count in _COUNTS.items()
            for things in _LISTABLE
        ]
    )


def _code(functions: tuple[tuple[str, str, int], ...]) -> list[Draft]:
    return [
        Draft(
            phrasing.format(name=name, does=does),
            {"function": name, "arguments": arguments, "contains": ["return"]},
        )
        for phrasing in _CODE
        for name, does, arguments in functions
    ]


def small_code() -> Source:
    """Every function in every phrasing."""
    return finite(_code(_FUNCTIONS))


def further_code() -> Source:
    """Those of `small_code`, and more."""
    return finite(_code(_FUNCTIONS) + _code(_LATER_FUNCTIONS))
