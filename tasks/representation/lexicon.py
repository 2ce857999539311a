"""Everyday English nouns by category, written for this project and dedicated to the public domain (CC0-1.0)."""

from __future__ import annotations

CATEGORIES: dict[str, tuple[str, ...]] = {
    name: tuple(words.split())
    for name, words in {
        "animal": "dog cat horse cow sheep goat pig lion tiger bear wolf fox rabbit mouse deer monkey elephant camel "
        "donkey squirrel",
        "bird": "eagle owl robin sparrow crow pigeon duck goose swan hawk parrot gull heron raven falcon finch stork "
        "turkey pheasant penguin",
        "fruit": "apple banana cherry grape lemon peach plum mango melon orange strawberry apricot raspberry "
        "pineapple blueberry coconut fig kiwi pear papaya",
        "vegetable": "carrot potato onion cabbage lettuce spinach broccoli tomato cucumber pumpkin celery garlic "
        "radish turnip leek beetroot cauliflower asparagus parsnip zucchini",
        "tool": "hammer saw drill wrench shovel axe pliers screwdriver chisel rake ladder spade sickle hoe scissors "
        "crowbar mallet tongs trowel pickaxe",
        "vehicle": "car truck bus train bicycle tram boat ship ferry airplane helicopter motorcycle van tractor taxi "
        "canoe wagon scooter yacht submarine",
        "clothing": "shirt jacket coat dress skirt sweater scarf glove hat sock shoe boot belt tie blouse vest cap "
        "trousers apron sandal",
        "furniture": "table chair sofa desk bed bench stool cabinet shelf wardrobe bookcase couch armchair dresser "
        "cupboard nightstand crib hammock footstool sideboard",
        "instrument": "piano guitar violin flute drum trumpet cello harp clarinet trombone saxophone organ banjo oboe "
        "accordion ukulele tuba viola bassoon harmonica",
        "insect": "ant bee wasp butterfly moth beetle mosquito fly cricket grasshopper dragonfly ladybug termite "
        "cockroach hornet flea firefly locust mantis gnat",
        "profession": "doctor nurse teacher lawyer farmer baker butcher carpenter plumber pilot soldier judge engineer "
        "tailor painter dentist waiter mechanic librarian electrician",
        "building": "house church castle school hospital hotel factory museum theater library tower barn prison palace "
        "temple bank cottage stadium warehouse airport",
    }.items()
}
"""Twenty nouns of each of twelve categories; no noun is in two."""

PROPERTIES = (
    "alive wild tame large small fast slow loud quiet soft hard heavy light sweet sour round sharp wooden expensive "
    "cheap useful dangerous beautiful old"
).split()
"""Adjectives that say something about nouns, used as probes."""

DOMAINS: dict[str, tuple[tuple[str, str], tuple[str, str], tuple[str, str]]] = {
    name: (people, places, things)
    for name, people, places, things in (
        ("health", ("doctor", "nurse"), ("hospital", "clinic"), ("bandage", "stethoscope")),
        ("teaching", ("teacher", "pupil"), ("school", "classroom"), ("blackboard", "homework")),
        ("farming", ("farmer", "shepherd"), ("barn", "pasture"), ("plough", "pitchfork")),
        ("baking", ("baker", "confectioner"), ("bakery", "kitchen"), ("dough", "oven")),
        ("law", ("judge", "lawyer"), ("courtroom", "tribunal"), ("verdict", "lawsuit")),
        ("music", ("violinist", "pianist"), ("conservatory", "opera"), ("melody", "orchestra")),
        ("sailing", ("sailor", "captain"), ("harbor", "lighthouse"), ("anchor", "rudder")),
        ("flying", ("pilot", "stewardess"), ("airport", "hangar"), ("propeller", "parachute")),
        ("worship", ("priest", "monk"), ("church", "chapel"), ("altar", "prayer")),
        ("war", ("soldier", "general"), ("barracks", "trench"), ("rifle", "grenade")),
        ("banking", ("banker", "accountant"), ("bank", "treasury"), ("loan", "savings")),
        ("sport", ("athlete", "referee"), ("stadium", "gym"), ("trophy", "tournament")),
    )
}
"""People, places and things of twelve lines of work, two of each; no word is in two."""
