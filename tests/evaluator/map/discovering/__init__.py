"""Tests of what makes a first brief out of traffic."""
