"""Who asks, by the word of STS: which account's the login is."""

from collections.abc import Mapping
from typing import Any

from faildrill.adapters.aws.call_outcomes import Call
from faildrill.adapters.aws.target import Account
from faildrill.toolkit.identity import shown

WHO: Call = Call("sts", "get_caller_identity", {}, "Account")


def other_than(account: Account, said: Mapping[str, Any]) -> str:
    """Tell how the account that STS names is not the declared one; the empty string where it is."""
    partition = str(said.get("Arn", "")).split(":")[1:2]
    if said.get("Account") != account.account:
        return f"is another one: STS says {shown(said.get('Account'))}, not {account.account}: see whose key this is"
    if partition != [account.partition]:
        return f"is of another partition than {account.partition}: see whose key this is"
    return ""
