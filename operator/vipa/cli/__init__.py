"""The command `vipa`: what people ask and say. Decisions are `core`'s; nothing here makes any."""
