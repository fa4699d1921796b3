document.querySelector('p')?.append(' And the script has run.');
