#!/bin/sh
agent --allowed-domains a.example,b/c
