"""Names and places of several families."""

NAMES = (
    "Ingrid", "Mateo", "Yusuf", "Chloe", "Kwame", "Svetlana", "Liam", "Aisha", "Henrik", "Beatriz", "Dmitri",
    "Fatima", "Gareth", "Hana", "Idris", "Jelena", "Kofi", "Leila", "Marcus", "Noor", "Oscar", "Petra", "Rania",
    "Stefan", "Tamsin", "Umar", "Violet", "Wanda", "Xavier", "Yara", "Zoltan", "Bronwyn",
)  # fmt: skip
PLACES = (
    "Gdansk", "Porto", "Ghent", "Turin", "Seville", "Leeds", "Bergen", "Graz", "Bilbao", "Tampere", "Aarhus",
    "Lille", "Basel", "Ostrava", "Cork", "Malaga", "Tartu", "Plovdiv", "Trieste", "Utrecht", "Swansea", "Debrecen",
)  # fmt: skip
MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
)
