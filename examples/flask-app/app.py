import random
import uuid

from flask import Flask, jsonify

app = Flask(__name__)


@app.get("/")
def home():
    return jsonify(hello="flask", random=random.random(), uuid=str(uuid.uuid4()))
