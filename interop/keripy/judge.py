"""Reads {id: stream} as JSON from stdin, lets keripy judge each by itself, prints {id: {prefix: state}}."""
import json
import logging
import sys

from keri import help
from keri.core import eventing, parsing
from keri.db import basing

help.ogler.level = logging.CRITICAL


def state(kever):
    return {
        "s": kever.sn,
        "d": kever.serder.said,
        "k": [verfer.qb64 for verfer in kever.verfers],
        "kt": kever.tholder.sith,
        "n": [diger.qb64 for diger in kever.ndigers],
        "nt": kever.ntholder.sith if kever.ndigers else "0",
        "b": list(kever.wits),
        "bt": kever.toader.num,
    }


def judge(stream):
    db = basing.Baser(name="judge", temp=True, reopen=True)
    try:
        kevery = eventing.Kevery(db=db, lax=True, local=False)
        parsing.Parser().parse(ims=bytearray(stream.encode()), kvy=kevery)
        # What waited for something that came later in the stream; one pass may free what the next can use.
        for _ in range(12):
            kevery.processEscrows()
        return {prefix: state(kever) for prefix, kever in kevery.kevers.items()}
    finally:
        db.close(clear=True)


print(json.dumps({name: judge(stream) for name, stream in json.load(sys.stdin).items()}))
