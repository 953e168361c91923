"""From the door to typed rows: what arrived, one table per contract table, and the ledger of every delivery."""

from assets.raw.arrival import arrival_asset
from assets.raw.ledger import ledger_asset
from assets.raw.tables import table_assets

TABLE_ASSETS = table_assets()
RAW_ASSETS = [arrival_asset, *TABLE_ASSETS, ledger_asset(TABLE_ASSETS)]
