"""The records of an answer that answer its question, and their values, each spelled in one way."""

from collections.abc import Iterator
from typing import Final

import dns.exception
import dns.message
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import dns.tokenizer
from dns.rdtypes.ANY.TXT import TXT

from faildrill.toolkit.answering_name import digest

LONGEST: Final = 1_200
"""Characters of all values together that are named, about what an answer over UDP has room for."""
_MOST_ALIASES: Final = 16
"""CNAMEs that are followed, one after the other; resolvers follow about as many."""
_IN: Final = dns.rdataclass.IN
"""The class of the Internet; others are history."""


def values(answer: dns.message.Message, asked: dns.rrset.RRset) -> list[str]:
    """Return the values of the record asked for, of the name asked for or of the one that its CNAMEs lead to.

    As resolvers do (RFC 1034, 4.3.2 and 5.3.3): records of any other name or class answer nothing.
    """
    held = {(rrset.name, rrset.rdtype): rrset for rrset in answer.answer if rrset.rdclass == _IN}
    name = asked.name
    # Bounded: CNAMEs that lead to each other would go round for ever.
    for _ in range(_MOST_ALIASES + 1):
        rrset = held.get((name, asked.rdtype))
        if rrset is not None:
            return sorted({_spelled(record) for record in rrset})
        alias = held.get((name, dns.rdatatype.CNAME))
        if alias is None:
            return []
        name = alias[0].target
    return []


def read(value: str, kind: str) -> str:
    """Return a value that a file gives as `values` spells it; ValueError where no record of this type can have it.

    A text is what its strings say together. One that begins with a quotation mark is read as a zone file has it.
    """
    try:
        if kind == "TXT":
            return _plain(b"".join(_strings(value)) if value.startswith('"') else value.encode())
        return _spelled(dns.rdata.from_text(_IN, kind, value, origin=dns.name.root, relativize=False))
    except (dns.exception.DNSException, ValueError) as error:
        raise ValueError(f"{value!r} is not the value of a record {kind}: {error}") from None


def named(found: list[str]) -> str:
    """Name these values; of more than there is room for, the first, how many more, and a digest of all of them."""
    names, room = list[str](), LONGEST
    for value in found:
        room -= len(value) + 1
        if room < 0:
            break
        names.append(value)
    left = len(found) - len(names)
    return ",".join([*names, f"and {left} more ({digest(','.join(found))})"] if left else names)


def _spelled(record: dns.rdata.Rdata) -> str:
    """Spell a value: names in small letters without the last dot, texts as what their strings say together."""
    if isinstance(record, TXT):
        return _plain(b"".join(record.strings))
    # Names are the same in any case (RFC 4343), and with or without the dot of the root.
    return record.to_text().lower().rstrip(".")


def _strings(text: str) -> Iterator[bytes]:
    tokens = dns.tokenizer.Tokenizer(text)
    while not (token := tokens.get()).is_eol_or_eof():
        yield token.unescape_to_bytes().value


def _plain(text: bytes) -> str:
    r"""Return a text as one name among others: commas, backslashes and what can't be shown are `\` and three digits."""
    shown = text.decode("utf-8", "surrogateescape")
    return "".join(
        character if character.isprintable() and character not in ",\\" else _escaped(character) for character in shown
    )


def _escaped(character: str) -> str:
    return "".join(f"\\{byte:03d}" for byte in character.encode("utf-8", "surrogateescape"))
