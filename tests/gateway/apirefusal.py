# SPDX-License-Identifier: Apache-2.0
"""An answer of the stand-in API server (apiserver.py) that is no success."""

REASONS = {400: "BadRequest", 401: "Unauthorized", 403: "Forbidden", 404: "NotFound", 405: "MethodNotAllowed",
           409: "Conflict", 410: "Expired", 415: "UnsupportedMediaType", 422: "Invalid", 429: "TooManyRequests",
           500: "InternalError", 503: "ServiceUnavailable", 504: "Timeout"}


class Refusal(Exception):
    """An answer that is no success: a Status with the server's words."""

    def __init__(self, status, message, reason=None, retry_after=None, **details):
        super().__init__(message)
        self.status, self.retry_after, self.plain = status, retry_after, None
        self.body = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message,
                     "reason": REASONS.get(status, "InternalError") if reason is None else reason, "code": status}
        if not self.body["reason"]:
            del self.body["reason"]
        if retry_after:
            details["retryAfterSeconds"] = retry_after
        if details:
            self.body["details"] = details
