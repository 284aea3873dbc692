"""The room in which a person does a procedure by hand: hands, time, pictures, and what is left to look at afterwards."""
