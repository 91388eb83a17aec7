mod dump;
mod lived;
mod whole;
