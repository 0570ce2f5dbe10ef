"""The GICS sector of each industry and category that the broker uses, which are not GICS but of Bloomberg's older kind.

A table of facts of ours, as of the GICS structure in force since March 2023; the vocabulary is that of the broker's
answers and of the classification they are taken from. A category whose companies stand in more than one GICS sector is
listed under `SEVERAL`: there only the company decides (`app.market.companies`), else the sector is unknown. The
broker's top level is in no row: none of the ten lies within one GICS sector (uranium is a basic material there, solar
cells are energy). Must never hold a row that is right only mostly, unless the companies that break it are named.
"""

from collections.abc import Mapping
from types import MappingProxyType

SEVERAL = "several sectors"

_COMMUNICATION = "Communication Services"
_DISCRETIONARY = "Consumer Discretionary"
_STAPLES = "Consumer Staples"
_ENERGY = "Energy"
_FINANCIALS = "Financials"
_HEALTH = "Health Care"
_INDUSTRIALS = "Industrials"
_TECHNOLOGY = "Information Technology"
_MATERIALS = "Materials"
_ESTATE = "Real Estate"
_UTILITIES = "Utilities"

# Industry → sector → its categories. Grouped as the broker's ten top levels are.
_BASIC_MATERIALS = {
    "Chemicals": {
        _MATERIALS: "Agricultural Chemicals|Chemicals-Diversified|Chemicals-Fibers|Chemicals-Other|Chemicals-Plastics|"
        "Chemicals-Specialty|Coatings/Paint|Industrial Gases|Petrochemicals",
    },
    "Forest Products&Paper": {_MATERIALS: "Paper&Related Products", SEVERAL: "Forestry"},
    "Iron/Steel": {_MATERIALS: "Metal-Iron|Steel-Producers", SEVERAL: "Steel-Specialty"},
    "Mining": {
        _MATERIALS: "Diversified Minerals|Gold Mining|Metal-Aluminum|Metal-Copper|Metal-Diversified|Platinum|"
        "Precious Metals|Silver Mining",
        SEVERAL: "Diamonds/Precious Stones|Mining Services|Non-Ferrous Metals|Quarrying",
    },
}
_COMMUNICATIONS = {
    "Advertising": {
        _COMMUNICATION: "Advertising Agencies|Advertising Sales",
        SEVERAL: "Advertising Services|Direct Marketing",
    },
    "Internet": {
        _COMMUNICATION: "Internet Content-Entmnt|Web Portals/ISP",
        _DISCRETIONARY: "E-Commerce/Products",
        _FINANCIALS: "Internet Brokers",
        _TECHNOLOGY: "Internet Infrastr Sftwr|Internet Security|Web Hosting/Design",
        SEVERAL: "B2B/E-Commerce|E-Commerce/Services|E-Marketing/Info|E-Services/Consulting|Internet Applic Sftwr|"
        "Internet Connectiv Svcs|Internet Content-Info/Ne|Internet Financial Svcs|Internet Incubators|"
        "Internet Infrastr Equip|Internet Telephony",
    },
    "Media": {
        _COMMUNICATION: "Broadcast Serv/Program|Cable/Satellite TV|Multimedia|Publishing-Books|Publishing-Newspapers|"
        "Publishing-Periodicals|Radio|Television",
        SEVERAL: "Publishing-Trade News",
    },
    "Telecommunications": {
        _COMMUNICATION: "Cellular Telecom|Telephone-Integrated",
        _TECHNOLOGY: "Networking Products|Telecom Eq Fiber Optics|Telecommunication Equip|Wireless Equipment",
        SEVERAL: "Satellite Telecom|Telecom Services",
    },
}
_CYCLICAL = {
    "Airlines": {_INDUSTRIALS: "Airlines"},
    "Apparel": {_DISCRETIONARY: "Apparel Manufacturers|Athletic Footwear|Footwear&Related Apparel|Textile-Apparel"},
    "Auto Manufacturers": {
        _DISCRETIONARY: "Auto-Cars/Light Trucks",
        _INDUSTRIALS: "Auto-Med&Heavy Duty Trks",
    },
    "Auto Parts&Equipment": {
        _DISCRETIONARY: "Auto/Trk Prts&Equip-Orig|Auto/Trk Prts&Equip-Repl|Rubber-Tires",
    },
    "Distribution/Wholesale": {SEVERAL: "Distribution/Wholesale"},
    "Entertainment": {
        _DISCRETIONARY: "Casino Services|Gambling (Non-Hotel)|Internet Gambling|Lottery Services|Racetracks|"
        "Resorts/Theme Parks",
        _COMMUNICATION: "Motion Pictures&Services|Music|Professional Sports|Theaters",
    },
    "Food Service": {_DISCRETIONARY: "Food-Catering"},
    "Home Builders": {_DISCRETIONARY: "Bldg-Mobil Home/Mfd Hous|Bldg-Residential/Commer"},
    "Home Furnishings": {_DISCRETIONARY: "Appliances|Audio/Video Products|Home Furnishings"},
    "Housewares": {SEVERAL: "Home Decoration Products|Housewares"},
    "Leisure Time": {
        _DISCRETIONARY: "Athletic Equipment|Bicycle Manufacturing|Cruise Lines|Golf|Leisure&Rec Products|"
        "Leisure&Rec/Games|Motorcycle/Motor Scooter|Recreational Centers|Recreational Vehicles|Travel Services",
    },
    "Lodging": {_DISCRETIONARY: "Casino Hotels|Hotels&Motels"},
    "Office Furnishings": {_INDUSTRIALS: "Office Furnishings-Orig"},
    "Retail": {
        _DISCRETIONARY: "Retail-Apparel/Shoe|Retail-Appliances|Retail-Arts&Crafts|Retail-Auto Parts|Retail-Automobile|"
        "Retail-Bedding|Retail-Bookstore|Retail-Building Products|Retail-Catalog Shopping|Retail-Computer Equip|"
        "Retail-Consumer Electron|Retail-Floor Coverings|Retail-Gardening Prod|Retail-Hair Salons|"
        "Retail-Home Furnishings|Retail-Jewelry|Retail-Leisure Products|Retail-Major Dept Store|"
        "Retail-Office Supplies|Retail-Perfume&Cosmetics|Retail-Pet Food&Supplies|Retail-Regnl Dept Store|"
        "Retail-Restaurants|Retail-Sporting Goods|Retail-Toy Store|Retail-Vision Serv Cntr|Retail-Vitamins/Nutr Sup",
        _STAPLES: "Retail-Drug Store",
        _FINANCIALS: "Retail-Pawn Shops",
        SEVERAL: "Retail-Convenience Store|Retail-Discount|Retail-Mail Order|Retail-Misc/Diversified|"
        "Retail-Petroleum Prod|Retail-Propane Distrib|Retail-Video Rental",
    },
    "Storage/Warehousing": {SEVERAL: "Storage/Warehousing"},
    "Textiles": {
        _INDUSTRIALS: "Linen Supply&Rel Items",
        _DISCRETIONARY: "Textile-Home Furnishings",
        SEVERAL: "Textile-Products",
    },
    "Toys/Games/Hobbies": {_DISCRETIONARY: "Toys"},
}
_NON_CYCLICAL = {
    "Agriculture": {_STAPLES: "Agricultural Operations|Pastoral&Agricultural|Tobacco"},
    "Beverages": {_STAPLES: "Beverages-Non-alcoholic|Beverages-Wine/Spirits|Brewery|Coffee|Tea"},
    "Biotechnology": {_HEALTH: "Medical-Biomedical/Gene", SEVERAL: "Agricultural Biotech"},
    "Commercial Services": {
        _INDUSTRIALS: "Consulting Services|Human Resources|Printing-Commercial|Private Corrections|"
        "Public Thoroughfares|Rental Auto/Equipment",
        _DISCRETIONARY: "Funeral Serv&Rel Items|Schools",
        SEVERAL: "Auction House/Art Dealer|Auto Repair Centers|Building-Maint&Service|Commercial Serv-Finance|"
        "Commercial Services|Divers Oper/Commer Serv|Extended Serv Contracts|Marine Services|Non-Profit Charity|"
        "Protection-Safety|Research&Development|Security Services|Traffic Management Sys",
    },
    "Cosmetics/Personal Care": {_STAPLES: "Cosmetics&Toiletries"},
    "Food": {
        _STAPLES: "Fisheries|Food-Baking|Food-Canned|Food-Confectionery|Food-Dairy Products|Food-Flour&Grain|"
        "Food-Meat Products|Food-Misc/Diversified|Food-Retail|Food-Wholesale/Distrib|Poultry",
    },
    "Healthcare-Products": {
        _HEALTH: "Dental Supplies&Equip|Diagnostic Equipment|Diagnostic Kits|Disposable Medical Prod|"
        "Drug Detection Systems|Healthcare Safety Device|Hearing Aids|Heart Monitors|Medical Imaging Systems|"
        "Medical Instruments|Medical Laser Systems|Medical Products|Optical Supplies|Patient Monitoring Equip|"
        "Respiratory Products|Ultra Sound Imaging Sys|X-Ray Equipment",
    },
    "Healthcare-Services": {
        _HEALTH: "Blood Collection Banking|Dialysis Centers|MRI/Medical Diag Imaging|Medical Labs&Testing Srv|"
        "Medical-HMO|Medical-Hospitals|Medical-Nursing Homes|Medical-Outptnt/Home Med|Phys Practice Mgmnt|"
        "Phys Therapy/Rehab Cntrs|Retirement/Aged Care",
    },
    "Household Products/Wares": {
        _STAPLES: "Soap&Cleaning Prepar",
        SEVERAL: "Consumer Products-Misc|Office Supplies&Forms",
    },
    "Pharmaceuticals": {
        _HEALTH: "Drug Delivery Systems|Medical-Drugs|Medical-Generic Drugs|Medical-Whsle Drug Dist|Pharmacy Services|"
        "Therapeutics|Veterinary Diagnostics|Veterinary Products",
        SEVERAL: "Vitamins&Nutrition Prod",
    },
}
_DIVERSIFIED = {
    "Holding Companies-Divers": {SEVERAL: "Diversified Operations|Specified Purpose Acquis"},
}
_ENERGIES = {
    "Coal": {SEVERAL: "Coal"},
    "Energy-Alternate Sources": {SEVERAL: "Energy-Alternate Sources"},
    "Oil&Gas": {
        _ENERGY: "Oil Comp-Explor&Prodtn|Oil Comp-Integrated|Oil Refining&Marketing|Oil&Gas Drilling|"
        "Oil-US Royalty Trusts",
    },
    "Oil&Gas Services": {_ENERGY: "Oil Field Mach&Equip|Oil-Field Services|Seismic Data Collection"},
    "Pipelines": {_ENERGY: "Pipelines"},
}
_FINANCIAL = {
    "Banks": {
        _FINANCIALS: "Commer Banks Non-US|Commer Banks-Central US|Commer Banks-Eastern US|Commer Banks-Southern US|"
        "Commer Banks-Western US|Cooperative Banks|Diversified Banking Inst|Fiduciary Banks|Money Center Banks|"
        "Mortgage Banks|Regional Banks-Non US|Special Purpose Banks|Super-Regional Banks-US",
    },
    "Closed-end Funds": {SEVERAL: "Closed-end Funds"},
    "Diversified Finan Serv": {
        _FINANCIALS: "Diversified Finan Serv|Finance-Auto Loans|Finance-Commercial|Finance-Consumer Loans|"
        "Finance-Credit Card|Finance-Invest Bnkr/Brkr|Finance-Mtge Loan/Banker|Finance-Other Services|"
        "Invest Mgmnt/Advis Serv",
        SEVERAL: "Finance-Leasing Compan|Special Purpose Entity",
    },
    "Insurance": {
        _FINANCIALS: "Financial Guarantee Ins|Insurance Brokers|Life/Health Insurance|Multi-line Insurance|"
        "Mutual Insurance|Property/Casualty Ins|Reinsurance",
    },
    "Investment Companies": {SEVERAL: "Invest Comp - Resources|Investment Companies"},
    "Private Equity": {_FINANCIALS: "Private Equity|Venture Capital"},
    "REITS": {
        _ESTATE: "REITS-Apartments|REITS-Diversified|REITS-Health Care|REITS-Hotels|REITS-Industrial|"
        "REITS-Manufactured Homes|REITS-Office Property|REITS-Regional Malls|REITS-Shopping Centers|"
        "REITS-Single Tenant|REITS-Storage|REITS-Warehouse/Industr",
        _FINANCIALS: "REITS-Mortgage",
    },
    "Real Estate": {_ESTATE: "Real Estate Mgmnt/Servic|Real Estate Oper/Develop"},
    "Savings&Loans": {
        _FINANCIALS: "S&L/Thrifts-Central US|S&L/Thrifts-Eastern US|S&L/Thrifts-Southern US|S&L/Thrifts-Western US",
    },
}
_INDUSTRIAL = {
    "Aerospace/Defense": {_INDUSTRIALS: "Aerospace/Defense|Aerospace/Defense-Equip|Electronics-Military"},
    "Building Materials": {
        _INDUSTRIALS: "Bldg Prod-Air&Heating|Bldg Prod-Doors&Windows|Bldg Prod-Light Fixtures|Bldg&Construct Prod-Misc",
        _MATERIALS: "Bldg Prod-Cement/Aggreg",
        SEVERAL: "Bldg Prod-Wood",
    },
    "Electrical Compo&Equip": {
        SEVERAL: "Batteries/Battery Sys|Electric Products-Misc|Lighting Products&Sys|Power Conv/Supply Equip|"
        "Wire&Cable Products",
    },
    "Electronics": {
        _TECHNOLOGY: "Circuit Boards|Electronic Connectors|Electronic Parts Distrib|Lasers-Syst/Components",
        SEVERAL: "Electronic Compo-Misc|Electronic Measur Instr|Electronic Secur Devices|Identification Sys/Dev|"
        "Industr Audio&Video Prod|Instruments-Controls|Instruments-Scientific|Photo Equipment&Supplies",
    },
    "Engineering&Construction": {
        _INDUSTRIALS: "Airport Develop/Maint|Building&Construct-Misc|Building-Heavy Construct|Engineering/R&D Services",
    },
    "Environmental Control": {
        _INDUSTRIALS: "Air Pollution Control Eq|Environ Consulting&Eng|Hazardous Waste Disposal|"
        "Non-hazardous Waste Disp|Pollution Control|Remediation Services",
        SEVERAL: "Alternative Waste Tech|Recycling|Water Treatment Systems",
    },
    "Hand/Machine Tools": {_INDUSTRIALS: "Mach Tools&Rel Products|Machinery-Electrical|Tools-Hand Held"},
    "Machinery-Constr&Mining": {_INDUSTRIALS: "Machinery-Constr&Mining|Machinery-Electric Util"},
    "Machinery-Diversified": {
        _INDUSTRIALS: "Engines-Internal Combust|Industrial Automat/Robot|Machinery-Farm|Machinery-General Indust|"
        "Machinery-Material Handl|Machinery-Pumps|Machinery-Therml Process",
        SEVERAL: "Machinery-Print Trade",
    },
    "Metal Fabricate/Hardware": {
        SEVERAL: "Metal Processors&Fabrica|Metal Products-Distrib|Metal Products-Fasteners|Steel Pipe&Tube",
    },
    "Miscellaneous Manufactur": {
        _INDUSTRIALS: "Filtration/Separat Prod",
        SEVERAL: "Advanced Materials/Prd|Diversified Manufact Op|Firearms&Ammunition|Miscellaneous Manufactur|"
        "Rubber/Plastic Products",
    },
    "Packaging&Containers": {_MATERIALS: "Containers-Metal/Glass|Containers-Paper/Plastic"},
    "Shipbuilding": {_INDUSTRIALS: "Shipbuilding"},
    "Transportation": {
        _INDUSTRIALS: "Transport-Air Freight|Transport-Rail|Transport-Services|Transport-Truck",
        SEVERAL: "Transport-Marine",
    },
    "Trucking&Leasing": {_INDUSTRIALS: "Transport-Equip&Leasng"},
}
_TECHNOLOGIES = {
    "Computers": {
        _TECHNOLOGY: "Computer Data Security|Computer Graphics|Computers|Computers-Memory Devices|Computers-Other|"
        "Computers-Peripher Equip|Computers-Voice Recogn",
        SEVERAL: "Computer Services|Computers-Integrated Sys",
    },
    "Office/Business Equip": {SEVERAL: "Office Automation&Equip"},
    "Semiconductors": {_TECHNOLOGY: "Electronic Compo-Semicon|Semicon Compo-Intg Circu|Semiconductor Equipment"},
    "Software": {
        _TECHNOLOGY: "Applications Software|Communications Software|Computer Aided Design|Computer Software|"
        "Electronic Forms|Enterprise Software/Serv|Software Tools",
        _COMMUNICATION: "Entertainment Software",
        _HEALTH: "Medical Information Sys",
        SEVERAL: "Data Processing/Mgmt|Decision Support Softwar|Educational Software|Transactional Software",
    },
}
_UTILITY = {
    "Electric": {
        _UTILITIES: "Electric-Distribution|Electric-Generation|Electric-Integrated|Electric-Transmission|"
        "Independ Power Producer",
    },
    "Gas": {_UTILITIES: "Gas-Distribution", SEVERAL: "Gas-Transportation"},
    "Water": {_UTILITIES: "Water"},
}

INDUSTRIES: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        industry: {category: sector for sector, row in rows.items() for category in row.split("|")}
        for level in (
            _BASIC_MATERIALS, _COMMUNICATIONS, _CYCLICAL, _NON_CYCLICAL, _DIVERSIFIED, _ENERGIES, _FINANCIAL,
            _INDUSTRIAL, _TECHNOLOGIES, _UTILITY,
        )
        for industry, rows in level.items()
    }
)  # fmt: skip
"""Industry → category → GICS sector, or `SEVERAL`."""
