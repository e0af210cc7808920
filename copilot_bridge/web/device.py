"""."""

from flask import Blueprint

bp = Blueprint("device", __name__)
