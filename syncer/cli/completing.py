"""`syncer completion`: a script that has the shell complete commands, options and orders on Tab.

What is completed comes out of the words of the command line (arguments.py), and from nowhere else.
"""

import argparse
from collections.abc import Iterator

from syncer.cli.arguments import words

MOST = 200  # orders that are offered: those that wait for a person, and the newest
OFFERS = {  # by what the words call the argument
    "order": {"bash": "_syncer_orders", "zsh": "_syncer_orders"},
    "what": {"bash": "_syncer_orders", "zsh": "_syncer_orders"},
    "portal": {"bash": "_syncer_portals", "zsh": "_syncer_portals"},
}
BASH = """
_syncer_names() {
    local at config=()
    for ((at = 1; at < COMP_CWORD - 1; at++)); do
        [[ "${COMP_WORDS[at]}" == --config ]] && config=(--config "${COMP_WORDS[at + 1]}")
    done
    compgen -W "$("${COMP_WORDS[0]}" completion "$1" "${config[@]}" 2>/dev/null)" -- "$2"
}
_syncer_orders() { _syncer_names orders "$1"; }
_syncer_portals() { _syncer_names portals "$1"; }
"""
# bash parts words at each colon, and an order's name has one: here they are put together again, and what was typed
# before the last colon is left out of the answer.
WHOLE = """
_syncer() {
    local word whole=() at=0 cword=0 typed="${COMP_WORDS[COMP_CWORD]}"
    for word in "${COMP_WORDS[@]}"; do
        if ((at > 0)) && [[ "$word" == : || "${whole[${#whole[@]} - 1]}" == *: ]]; then
            whole[${#whole[@]} - 1]+="$word"
        else
            whole+=("$word")
        fi
        ((at == COMP_CWORD)) && cword=$((${#whole[@]} - 1))
        ((at++))
    done
    local COMP_WORDS=("${whole[@]}") COMP_CWORD=$cword
    [[ "$typed" == : ]] && typed=""
    local before="${COMP_WORDS[COMP_CWORD]%"$typed"}"
    _shtab_syncer
    COMPREPLY=("${COMPREPLY[@]#"$before"}")
}
complete -o bashdefault -o default -F _syncer syncer
"""
ZSH = """
_syncer_names() {
    local -a names
    names=(${(f)"$(syncer completion $1 2>/dev/null)"})
    compadd -a names
}
_syncer_orders() { _syncer_names orders }
_syncer_portals() { _syncer_names portals }
"""


def completion(arguments: argparse.Namespace) -> int:
    """Prints the script, or the names that it offers."""
    match arguments.shell:
        case "bash" | "zsh" as shell:
            print(_script(shell))
        case what:
            for name in _names(arguments, what):
                print(name)
    return 0


def _script(shell: str) -> str:
    import shtab

    parser = words()
    for action in _actions(parser):
        if action.dest in OFFERS and action.choices is None:
            action.complete = OFFERS[action.dest]  # type: ignore[attr-defined] # where shtab looks for it
    made = shtab.complete(parser, shell, preamble={"bash": BASH, "zsh": ZSH}[shell])
    return made + WHOLE if shell == "bash" else made


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:  # noqa: SLF001 - argparse has no other way
        yield action
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            for command in action.choices.values():
                yield from _actions(command)


def _names(arguments: argparse.Namespace, what: str) -> list[str]:
    from syncer.cli.opening import opened, reading_store

    config, _ = opened(arguments)
    if what == "portals":
        return sorted(config.portals)
    with reading_store(config) as store:
        parked = [order.name for order in store.orders(parked=True, limit=MOST)]
        newest = [order.name for order in store.orders(limit=MOST)]
    return list(dict.fromkeys([*parked, *newest]))
