"""What a person does to the account's record: the kill level, cash flows."""
