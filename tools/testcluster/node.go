package main

func runNode() int { return 0 }
