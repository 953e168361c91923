"""Policy texts: words, tags, conditions and amounts, and a library one can search. Import the module you need: each costs its own start-up."""
