"""Checks of money, budgets and the rules' settings."""

from __future__ import annotations

from causeway.fleet.checks.context import Checked
from causeway.fleet.governance import Budget
from causeway.fleet.places import Path


def check_governance(checked: Checked) -> None:
    """Check the currency, every rate, every budget and the domestic share."""
    money = checked.fleet.money
    checked.rate(money.currency, ("money", "currency"))
    for currency, rate in money.rates.items():
        path = ("money", "rates", currency)
        if currency == "USD":
            checked.wrong(
                "needless-rate", path, "rates are in US dollars, and the dollar needs none", "remove it", key=True
            )
        if rate.usd == 0:
            checked.wrong(
                "out-of-range",
                (*path, "usd"),
                "a rate of 0 would make money vanish",
                "write what one unit is worth in US dollars",
            )
    for name, budget in checked.fleet.budgets.items():
        _budget(checked, budget, ("budgets", name))
    share = checked.fleet.policy.domestic_share
    if share and share.minimum > share.target:
        path = ("policy", "domestic_share", "target")
        checked.wrong(
            "out-of-range",
            path,
            f"the target {share.target:g} is below the minimum {share.minimum:g}",
            "exchange or correct them",
        )


def _budget(checked: Checked, budget: Budget, path: Path) -> None:
    checked.rate(budget.currency, (*path, "currency"))
    for index, site in enumerate(budget.scope.sites or ()):
        checked.site(site, (*path, "scope", "sites", index))
    both = set(budget.scope.countries or ()) & set(budget.scope.countries_except or ())
    if both:
        reason = f"{min(both)} is both within and without this budget"
        checked.wrong("contradiction", (*path, "scope", "countries_except"), reason, "name it in one of the two")
