"""Why a query was scored as it was: where its positions find their match in the guidance."""
