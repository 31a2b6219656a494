"""The test vectors of the bus are what an implementation of its own computes."""
import json

import check
import pytest


@pytest.mark.parametrize("name", check.FILES)
def test_the_vectors_follow_from_the_specification(name):
    assert json.loads((check.FOLDER / name).read_text()) == check.FILES[name]()


def test_base32_and_z85_are_those_of_their_specifications():
    assert check.base32(b"foobar") == "csqpyrk1e8"  # Crockford's digits
    assert check.z85(bytes.fromhex("864fd26fb559f75b")) == "HelloWorld"  # https://rfc.zeromq.org/spec/32/
