"""The audit: may a classifier's attention be shown as an explanation of its predictions?"""
