"""The audit: may a model's attention be shown as an explanation of its predictions, and which explanation may?"""
