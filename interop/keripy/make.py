"""Prints logs that keripy itself makes: [{id, stream, delegator, state}], and its version."""
import json
import logging

import keri
from keri import help
from keri.app import habbing
from keri.core import coring, eventing, parsing

help.ogler.level = logging.CRITICAL


def state(hab):
    kever = hab.kever
    return {
        "i": hab.pre,
        "s": kever.sn,
        "d": kever.serder.said,
        "k": [verfer.qb64 for verfer in kever.verfers],
        "kt": kever.tholder.sith,
        "n": [diger.qb64 for diger in kever.ndigers],
        "nt": kever.ntholder.sith if kever.ndigers else "0",
        "b": list(kever.wits),
        "bt": kever.toader.num,
    }


def log(hby, pre):
    return b"".join(bytes(message) for message in hby.db.clonePreIter(pre=pre, fn=0)).decode()


logs = []
with habbing.openHby(name="make", temp=True, salt=coring.Salter(raw=b"auths-interop-01").qb64) as hby:

    def add(name, hab, delegator=None):
        logs.append({
            "id": name,
            "stream": log(hby, hab.pre),
            "delegator": None if delegator is None else {"i": delegator.pre, "stream": log(hby, delegator.pre)},
            "state": state(hab),
        })

    single = hby.makeHab(name="single")
    add("one key", single)
    for n in range(20):
        single.interact(data=[{"n": n, "text": "é 鍵 \u2028", "d": single.kever.serder.said}])
    single.rotate()
    single.interact()
    single.rotate(data=[{"i": single.pre, "s": "0", "d": single.kever.serder.said}])
    add("interactions and rotations", single)

    group = hby.makeHab(name="group", isith=["1/2", "1/2", "1/2"], icount=3, nsith=["1/3", "1/3", "1/3"], ncount=3)
    group.interact()
    group.rotate(isith=["1/3", "1/3", "1/3"], nsith="2", ncount=4)
    group.rotate(isith="2", nsith=[["1/2", "1/2"], ["1"]], ncount=3)
    add("weights and numbers", group)

    witnesses = [hby.makeHab(name=f"wit{n}", transferable=False) for n in range(4)]
    pres = [hab.pre for hab in witnesses]
    watched = hby.makeHab(name="watched", wits=pres[:3], toad=2)

    other = eventing.Kevery(db=hby.db, lax=True, local=False)

    def receipt(hab, members):
        for member in members:
            parsing.Parser().parse(ims=bytearray(member.witness(hab.kever.serder)), kvy=other)

    receipt(watched, witnesses[:2])
    watched.interact()
    receipt(watched, witnesses[1:3])
    watched.rotate(cuts=[pres[0]], adds=[pres[3]], toad=3)
    receipt(watched, witnesses[1:])
    add("witnesses", watched)

    basic = hby.makeHab(name="basic", transferable=False)
    add("a key that speaks for itself", basic)

    chief = hby.makeHab(name="chief")
    child = hby.makeHab(name="child", delpre=chief.pre)
    chief.interact(data=[{"i": child.pre, "s": "0", "d": child.kever.serder.said}])
    logs.append({
        "id": "a delegate",
        "stream": child.makeOwnEvent(sn=0).decode(),
        "delegator": {"i": chief.pre, "stream": log(hby, chief.pre)},
        "state": state(child),
    })

    hby.kvy.processEscrows()
    child.rotate()
    chief.interact(data=[{"i": child.pre, "s": "1", "d": child.kever.serder.said}])
    hby.kvy.processEscrows()
    child.interact()
    logs.append({
        "id": "a delegate that has rotated",
        "stream": "".join(child.makeOwnEvent(sn=n).decode() for n in range(3)),
        "delegator": {"i": chief.pre, "stream": log(hby, chief.pre)},
        "state": state(child),
    })

print(json.dumps({"version": keri.__version__, "logs": logs}))
