"""What rendered scenes are made of: surfaces, those who pass, and the table of scenes."""
