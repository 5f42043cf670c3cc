"""From the answers of methods to explanations: of one text, of long texts window by window, of many texts."""
