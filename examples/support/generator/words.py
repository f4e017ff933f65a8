"""Names and things that fill the slots of several task families."""

NAMES = (
    "Anna", "Tom", "Maria", "Jonas", "Priya", "Omar", "Lucy", "Peter", "Nina", "David", "Clara", "Hugo",
    "Elena", "Sam", "Julia", "Felix", "Rosa", "Martin", "Alice", "Ben", "Laura", "Simon", "Vera", "Paul",
)  # fmt: skip
CITIES = (
    "Oslo", "Paris", "London", "Berlin", "Madrid", "Cairo", "Rome", "Dublin", "Vienna", "Lisbon", "Athens",
    "Tokyo", "Boston", "Chicago", "Toronto", "Prague", "Warsaw", "Munich", "Milan", "Geneva",
)  # fmt: skip
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
JOBS = (
    "nurse", "teacher", "baker", "driver", "student", "doctor", "lawyer", "pilot", "librarian", "journalist",
    "gardener", "plumber",
)  # fmt: skip
THINGS = (
    "tent", "rope", "lamp", "jacket", "stove", "helmet", "backpack", "table", "chair", "bicycle", "radio",
    "camera", "kettle", "blanket", "clock", "ladder",
)  # fmt: skip
